CREATE TABLE `revoked_subjects` (
	`subject` text PRIMARY KEY NOT NULL,
	`reason` text NOT NULL,
	`revoked_at` integer NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `revoked_subjects_by_expiry` ON `revoked_subjects` (`expires_at`);