CREATE SCHEMA IF NOT EXISTS pgboss;--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"tenant_id" text NOT NULL,
	"sender_id" text NOT NULL,
	"key" text NOT NULL,
	"fingerprint" text NOT NULL,
	"run_id" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "idempotency_keys_tenant_id_sender_id_key_pk" PRIMARY KEY("tenant_id","sender_id","key")
);
--> statement-breakpoint
CREATE TABLE "session_turns" (
	"tenant_id" text NOT NULL,
	"session_id" text NOT NULL,
	"turn" integer NOT NULL,
	"run_id" text NOT NULL,
	"messages" json NOT NULL,
	CONSTRAINT "session_turns_tenant_id_session_id_turn_pk" PRIMARY KEY("tenant_id","session_id","turn")
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"tenant_id" text NOT NULL,
	"session_id" text NOT NULL,
	"active_run_id" text,
	"turn_count" integer DEFAULT 0 NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "sessions_tenant_id_session_id_pk" PRIMARY KEY("tenant_id","session_id")
);
--> statement-breakpoint
CREATE TABLE "workers" (
	"worker_id" text PRIMARY KEY NOT NULL,
	"role" text NOT NULL,
	"slots" json NOT NULL,
	"started_at" timestamp with time zone DEFAULT now() NOT NULL,
	"seen_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "runs" ALTER COLUMN "deadline_at" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "priority" text DEFAULT 'normal' NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "slot_type" text DEFAULT 'cpu' NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "is_background" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "queued_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "failure_count" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "worker_id" text;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "bearer_grant" text;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "agent_ids" text[];--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "pending_calls" json;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "decisions" json;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "is_remembered" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "timeout_ms" integer DEFAULT 60000 NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "dead_at" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "idempotency_keys_by_run" ON "idempotency_keys" USING btree ("run_id");--> statement-breakpoint
CREATE INDEX "idempotency_keys_by_age" ON "idempotency_keys" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "runs_open" ON "runs" USING btree ("tenant_id","status") WHERE finished_at IS NULL;--> statement-breakpoint
CREATE INDEX "runs_open_in_session" ON "runs" USING btree ("tenant_id","session_id") WHERE is_remembered AND finished_at IS NULL;--> statement-breakpoint
CREATE INDEX "runs_by_end" ON "runs" USING btree ("finished_at") WHERE finished_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX "runs_dead" ON "runs" USING btree ("dead_at") WHERE dead_at IS NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" DROP COLUMN "is_handed_back";
