CREATE TABLE `action_handles` (
	`hash` text PRIMARY KEY NOT NULL,
	`token_id` text NOT NULL,
	`action_id` text NOT NULL,
	`scopes` text NOT NULL,
	`created_at` text NOT NULL,
	`expires_at` text NOT NULL,
	FOREIGN KEY (`token_id`) REFERENCES `api_tokens`(`token_id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `action_handles_by_token` ON `action_handles` (`token_id`);--> statement-breakpoint
CREATE TABLE `api_tokens` (
	`token_id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`hash` text NOT NULL,
	`hint` text NOT NULL,
	`name` text NOT NULL,
	`scopes` text NOT NULL,
	`limits` text NOT NULL,
	`created_at` text NOT NULL,
	`created_by` text NOT NULL,
	`expires_at` text NOT NULL,
	`revoked_at` text,
	`last_used_at` text,
	FOREIGN KEY (`tenant_id`) REFERENCES `tenants`(`tenant_id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `api_tokens_hash_unique` ON `api_tokens` (`hash`);--> statement-breakpoint
CREATE INDEX `api_tokens_by_tenant` ON `api_tokens` (`tenant_id`,`token_id`);--> statement-breakpoint
CREATE TABLE `audit_entries` (
	`chain` text NOT NULL,
	`seq` integer NOT NULL,
	`at` text NOT NULL,
	`actor` text NOT NULL,
	`action` text NOT NULL,
	`target` text NOT NULL,
	`outcome` text NOT NULL,
	`trace_id` text NOT NULL,
	`details` text NOT NULL,
	`prev_hash` text NOT NULL,
	`hash` text NOT NULL,
	PRIMARY KEY(`chain`, `seq`)
);
--> statement-breakpoint
CREATE TABLE `audit_heads` (
	`chain` text PRIMARY KEY NOT NULL,
	`seq` integer NOT NULL,
	`hash` text NOT NULL,
	`key_id` text NOT NULL,
	`mac` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `connections` (
	`tenant_id` text NOT NULL,
	`provider_id` text NOT NULL,
	`kind` text NOT NULL,
	`config` text NOT NULL,
	`tools` text NOT NULL,
	`updated_at` text NOT NULL,
	PRIMARY KEY(`tenant_id`, `provider_id`),
	FOREIGN KEY (`tenant_id`) REFERENCES `tenants`(`tenant_id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `credentials` (
	`tenant_id` text NOT NULL,
	`provider_id` text NOT NULL,
	`key_id` text NOT NULL,
	`box` text NOT NULL,
	`updated_at` text NOT NULL,
	PRIMARY KEY(`tenant_id`, `provider_id`)
);
--> statement-breakpoint
CREATE INDEX `credentials_by_key` ON `credentials` (`key_id`);--> statement-breakpoint
CREATE TABLE `link_pins` (
	`pin_id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`key_id` text NOT NULL,
	`mac` text NOT NULL,
	`sender_id` text,
	`created_at` text NOT NULL,
	`created_by` text NOT NULL,
	`expires_at` text NOT NULL,
	`wrong_tries` integer DEFAULT 0 NOT NULL,
	`used_at` text,
	`used_by` text,
	FOREIGN KEY (`tenant_id`) REFERENCES `tenants`(`tenant_id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `link_pins_by_tenant` ON `link_pins` (`tenant_id`,`created_at`);--> statement-breakpoint
CREATE INDEX `link_pins_by_end` ON `link_pins` (`expires_at`);--> statement-breakpoint
CREATE INDEX `link_pins_by_mac` ON `link_pins` (`mac`);--> statement-breakpoint
CREATE TABLE `preconditions` (
	`holds` integer NOT NULL,
	CONSTRAINT "preconditions_hold" CHECK("preconditions"."holds" = 1)
);
--> statement-breakpoint
CREATE TABLE `tenant_tools` (
	`tenant_id` text NOT NULL,
	`tool` text NOT NULL,
	`enabled` integer NOT NULL,
	`needs_approval` integer,
	PRIMARY KEY(`tenant_id`, `tool`),
	FOREIGN KEY (`tenant_id`) REFERENCES `tenants`(`tenant_id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `wrong_pin_tries` (
	`try_id` integer PRIMARY KEY NOT NULL,
	`sender_id` text NOT NULL,
	`tried_at` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `wrong_pin_tries_by_sender` ON `wrong_pin_tries` (`sender_id`,`tried_at`);--> statement-breakpoint
CREATE INDEX `wrong_pin_tries_by_time` ON `wrong_pin_tries` (`tried_at`);--> statement-breakpoint
ALTER TABLE `tenants` ADD `tool_policy` text DEFAULT 'all' NOT NULL;--> statement-breakpoint
ALTER TABLE `tenants` ADD `approve_writes` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `tenants` ADD `limits` text DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE `tool_effects` ADD `state` text DEFAULT 'done' NOT NULL;