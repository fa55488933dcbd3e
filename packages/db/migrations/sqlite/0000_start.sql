CREATE TABLE `idempotency_keys` (
	`scope` text NOT NULL,
	`key` text NOT NULL,
	`request_hash` text NOT NULL,
	`status` integer NOT NULL,
	`answer` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`scope`, `key`)
);
--> statement-breakpoint
CREATE INDEX `idempotency_keys_by_age` ON `idempotency_keys` (`created_at`);--> statement-breakpoint
CREATE TABLE `peer_events` (
	`room_id` text NOT NULL,
	`peer_id` integer NOT NULL,
	`seq` integer NOT NULL,
	`type` text NOT NULL,
	`target_kind` text NOT NULL,
	`target_id` text NOT NULL,
	`data` text NOT NULL,
	`coalesce_key` text,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`room_id`, `peer_id`, `seq`)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `peer_events_by_key` ON `peer_events` (`room_id`,`peer_id`,`coalesce_key`);--> statement-breakpoint
CREATE INDEX `peer_events_by_age` ON `peer_events` (`created_at`);--> statement-breakpoint
CREATE TABLE `peers` (
	`room_id` text NOT NULL,
	`id` integer NOT NULL,
	`position` integer NOT NULL,
	`record` text NOT NULL,
	`token_id` text NOT NULL,
	`token_subject` text NOT NULL,
	`token_expires_at` integer NOT NULL,
	`joined_at` integer NOT NULL,
	`closed_at` integer,
	`last_seq` integer NOT NULL,
	`log_floor` integer NOT NULL,
	`last_seen_at` integer NOT NULL,
	`reader_id` text NOT NULL,
	PRIMARY KEY(`room_id`, `id`)
);
--> statement-breakpoint
CREATE INDEX `peers_by_presence` ON `peers` (`closed_at`,`last_seen_at`);--> statement-breakpoint
CREATE TABLE `pods` (
	`id` text PRIMARY KEY NOT NULL,
	`epoch` integer NOT NULL,
	`seq` integer NOT NULL,
	`lease` text,
	`leased_at` integer NOT NULL,
	`drain_told` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `receivers` (
	`room_id` text NOT NULL,
	`id` integer NOT NULL,
	`position` integer NOT NULL,
	`peer_id` integer NOT NULL,
	`record` text NOT NULL,
	PRIMARY KEY(`room_id`, `id`)
);
--> statement-breakpoint
CREATE TABLE `revoked_tokens` (
	`id` text PRIMARY KEY NOT NULL,
	`reason` text NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `revoked_tokens_by_expiry` ON `revoked_tokens` (`expires_at`);--> statement-breakpoint
CREATE TABLE `rooms` (
	`id` text PRIMARY KEY NOT NULL,
	`version` integer NOT NULL,
	`media_version` integer NOT NULL,
	`record` text NOT NULL,
	`next_position` integer NOT NULL,
	`peer_count` integer NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer,
	`closed_at` integer
);
--> statement-breakpoint
CREATE INDEX `rooms_by_expiry` ON `rooms` (`expires_at`);--> statement-breakpoint
CREATE INDEX `rooms_by_closing` ON `rooms` (`closed_at`);--> statement-breakpoint
CREATE INDEX `rooms_by_creation` ON `rooms` (`created_at`,`id`);--> statement-breakpoint
CREATE TABLE `senders` (
	`room_id` text NOT NULL,
	`id` integer NOT NULL,
	`position` integer NOT NULL,
	`peer_id` integer NOT NULL,
	`record` text NOT NULL,
	PRIMARY KEY(`room_id`, `id`)
);
--> statement-breakpoint
CREATE TABLE `transports` (
	`room_id` text NOT NULL,
	`id` integer NOT NULL,
	`position` integer NOT NULL,
	`peer_id` integer NOT NULL,
	`pod_id` text NOT NULL,
	`pod_epoch` integer NOT NULL,
	`created_at` integer NOT NULL,
	`record` text NOT NULL,
	PRIMARY KEY(`room_id`, `id`)
);
--> statement-breakpoint
CREATE INDEX `transports_by_pod` ON `transports` (`pod_id`,`created_at`);