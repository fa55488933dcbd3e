export {
  NativeEngine,
  type NativeEngineOptions,
  nativeEngineProblem,
  openNativeEngine,
} from './native-engine.ts';
