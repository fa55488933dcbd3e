import { AesCmCipher } from './aes-cm-cipher.ts';
import { AesGcmCipher } from './aes-gcm-cipher.ts';
import type { SrtpSessionKeys } from './key-derivation.ts';
import type { SrtpCipher } from './srtp-cipher.ts';

export function createSrtpCipher(keys: SrtpSessionKeys): SrtpCipher {
  return keys.profile === 'AEAD_AES_128_GCM' ? new AesGcmCipher(keys) : new AesCmCipher(keys);
}
