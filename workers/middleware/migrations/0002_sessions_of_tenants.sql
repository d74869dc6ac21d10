CREATE TABLE `tenant_sessions` (
	`tenant_id` text NOT NULL,
	`session_id` text NOT NULL,
	`sender_id` text NOT NULL,
	`created_at` text NOT NULL,
	PRIMARY KEY(`tenant_id`, `session_id`)
);
--> statement-breakpoint
INSERT INTO `tenant_sessions` (`tenant_id`, `session_id`, `sender_id`, `created_at`)
SELECT `identity_bindings`.`tenant_id`, `sessions`.`session_id`, `sessions`.`sender_id`, `sessions`.`created_at`
FROM `sessions` INNER JOIN `identity_bindings` ON `identity_bindings`.`sender_id` = `sessions`.`sender_id`;
