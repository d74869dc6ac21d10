CREATE TABLE "limit_counters" (
	"scope" text NOT NULL,
	"kind" text NOT NULL,
	"window_start" timestamp with time zone NOT NULL,
	"used" bigint NOT NULL,
	"previous" bigint NOT NULL,
	CONSTRAINT "limit_counters_scope_kind_pk" PRIMARY KEY("scope","kind")
);
--> statement-breakpoint
CREATE TABLE "reservations" (
	"run_id" text PRIMARY KEY NOT NULL,
	"items" json NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "cost_nano_usd" bigint;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "is_limited" boolean DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX "runs_of_trace" ON "runs" USING btree ("trace_id");