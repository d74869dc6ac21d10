import type { RotatingSecret } from '@rubot/config/variable';
import { deriveSealKeys } from '@rubot/keys/derive';
import { type Sealed, seal, unseal } from '@rubot/keys/seal';

/** Where a credential belongs: it opens nowhere else. */
export interface CredentialPlace {
  readonly tenantId: string;
  readonly providerId: string;
}

/** Seals the credentials of tenants, and opens them. They are in clear in here and in the request they are sent with, nowhere else. */
export interface CredentialVault {
  readonly currentKeyId: string;
  /** Those that open. */
  readonly keyIds: readonly string[];
  close(place: CredentialPlace, credential: string): Promise<Sealed>;
  /** @throws RubotError `misconfigured` for what was sealed by another key, for another place, or was changed */
  open(place: CredentialPlace, sealed: Sealed): Promise<string>;
}

export async function openVault(secret: RotatingSecret): Promise<CredentialVault> {
  const keys = await deriveSealKeys(secret, 'credentials/v1');
  return {
    currentKeyId: keys.current.keyId,
    keyIds: [...keys.byKeyId.keys()],
    close: ({ tenantId, providerId }, credential) => seal(keys, credential, [tenantId, providerId]),
    open: ({ tenantId, providerId }, sealed) => unseal(keys, sealed, [tenantId, providerId]),
  };
}
