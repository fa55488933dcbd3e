/** Loaded into children by `--import`: when the parent is gone, even by SIGKILL, they end in order too. */
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();
