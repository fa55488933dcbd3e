CREATE TABLE `room_events` (
	`room_id` text NOT NULL,
	`seq` integer NOT NULL,
	`type` text NOT NULL,
	`data` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`room_id`, `seq`)
);
--> statement-breakpoint
CREATE INDEX `room_events_by_age` ON `room_events` (`created_at`);--> statement-breakpoint
CREATE TABLE `webhook_cursors` (
	`endpoint_id` text NOT NULL,
	`room_id` text NOT NULL,
	`url` text NOT NULL,
	`events` text,
	`cursor` integer NOT NULL,
	`head` integer NOT NULL,
	`next_at` integer,
	`attempts` integer NOT NULL,
	`last_error` text NOT NULL,
	`lease_id` text NOT NULL,
	`lease_until` integer NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`endpoint_id`, `room_id`)
);
--> statement-breakpoint
CREATE INDEX `webhook_cursors_by_time` ON `webhook_cursors` (`next_at`);--> statement-breakpoint
CREATE INDEX `webhook_cursors_by_room` ON `webhook_cursors` (`room_id`);--> statement-breakpoint
CREATE TABLE `webhook_dead_letters` (
	`id` text PRIMARY KEY NOT NULL,
	`endpoint_id` text NOT NULL,
	`room_id` text NOT NULL,
	`url` text NOT NULL,
	`seq` integer NOT NULL,
	`type` text NOT NULL,
	`data` text NOT NULL,
	`created_at` integer NOT NULL,
	`failed_at` integer NOT NULL,
	`attempts` integer NOT NULL,
	`last_error` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `webhook_dead_letters_by_age` ON `webhook_dead_letters` (`failed_at`);--> statement-breakpoint
ALTER TABLE `rooms` ADD `event_seq` integer DEFAULT 0 NOT NULL;