export type * from './commands.ts';
export type * from './state.ts';
