/** Alert descriptions (RFC 5246 §7.2) that we send or name. */
export const Alert = {
  closeNotify: 0,
  unexpectedMessage: 10,
  handshakeFailure: 40,
  badCertificate: 42,
  unsupportedCertificate: 43,
  illegalParameter: 47,
  decodeError: 50,
  decryptError: 51,
  protocolVersion: 70,
  insufficientSecurity: 71,
  internalError: 80,
  noRenegotiation: 100,
} as const;

export const AlertLevel = { warning: 1, fatal: 2 } as const;

/** A failure of the handshake that is told to the peer. Never leaves this package. */
export class DtlsError extends Error {
  readonly alert: number;

  constructor(alert: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.alert = alert;
  }
}

export function alertName(description: number): string {
  const name = Object.entries(Alert).find(([, value]) => value === description)?.[0];
  return name ? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : `alert ${description}`;
}
