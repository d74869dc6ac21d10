CREATE TABLE `identity_bindings` (
	`sender_id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`created_at` text NOT NULL,
	FOREIGN KEY (`tenant_id`) REFERENCES `tenants`(`tenant_id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `identity_bindings_by_tenant` ON `identity_bindings` (`tenant_id`,`sender_id`);--> statement-breakpoint
CREATE TABLE `sessions` (
	`session_id` text PRIMARY KEY NOT NULL,
	`sender_id` text NOT NULL,
	`created_at` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `table_columns` (
	`tenant_id` text NOT NULL,
	`table_name` text NOT NULL,
	`position` integer NOT NULL,
	`name` text NOT NULL,
	`type` text NOT NULL,
	PRIMARY KEY(`tenant_id`, `table_name`, `position`),
	FOREIGN KEY (`tenant_id`,`table_name`) REFERENCES `tables`(`tenant_id`,`name`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `table_columns_by_name` ON `table_columns` (`tenant_id`,`table_name`,`name`);--> statement-breakpoint
CREATE TABLE `table_rows` (
	`row_id` integer PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`table_name` text NOT NULL,
	`cells` text NOT NULL,
	FOREIGN KEY (`tenant_id`,`table_name`) REFERENCES `tables`(`tenant_id`,`name`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `table_rows_by_table` ON `table_rows` (`tenant_id`,`table_name`);--> statement-breakpoint
CREATE TABLE `tables` (
	`tenant_id` text NOT NULL,
	`name` text NOT NULL,
	`row_count` integer NOT NULL,
	`created_at` text NOT NULL,
	PRIMARY KEY(`tenant_id`, `name`),
	FOREIGN KEY (`tenant_id`) REFERENCES `tenants`(`tenant_id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `tenant_agents` (
	`tenant_id` text NOT NULL,
	`agent_id` text NOT NULL,
	`enabled` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `agent_id`),
	FOREIGN KEY (`tenant_id`) REFERENCES `tenants`(`tenant_id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `tenants` (
	`tenant_id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`agent_policy` text NOT NULL,
	`created_at` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `tool_effects` (
	`tenant_id` text NOT NULL,
	`idempotency_key` text NOT NULL,
	`tool` text NOT NULL,
	`fingerprint` text NOT NULL,
	`result` text NOT NULL,
	`created_at` text NOT NULL,
	PRIMARY KEY(`tenant_id`, `idempotency_key`)
);
--> statement-breakpoint
CREATE INDEX `tool_effects_by_age` ON `tool_effects` (`created_at`);