export type * from './dictionaries.ts';
