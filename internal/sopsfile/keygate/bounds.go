package keygate

import (
	"context"
	"errors"
	"time"

	"github.com/getsops/sops/v3/keyservice"
	"github.com/getsops/sops/v3/pgp"
	"github.com/secretsync/secretsync/internal/subprocess"
)

// Anyone who knows a public key can write a file for it. So what a file makes SOPS and the
// programs of keys do is bounded. SOPS itself has no limits.
const (
	// MaxTime limits the decryption of a file. A person may have to enter a passphrase,
	// or touch a device.
	MaxTime = 2 * time.Minute
	// maxWrapped is the largest encrypted data key, in bytes. The largest known keys, for
	// post-quantum recipients, have 3 KiB.
	maxWrapped = 16 << 10
	// maxDataKey is the largest data key, in bytes. SOPS's have 32, and a share of one has 33.
	maxDataKey = 64
)

// refusal says why an encrypted data key is not used.
type refusal string

func (r refusal) Error() string { return string(r) }

const (
	tooLargeWrapped refusal = "is larger than 16 KiB"
	tooLargeKey     refusal = "holds more than a data key"
)

// unwrap decrypts a data key, with bounds.
func (s service) unwrap(ctx context.Context, r *keyservice.DecryptRequest) (*keyservice.DecryptResponse, error) {
	if len(r.GetCiphertext()) > maxWrapped {
		return nil, tooLargeWrapped
	}
	answer := &keyservice.DecryptResponse{}
	var err error
	switch typeOf(r.GetKey()) {
	case "pgp":
		answer.Plaintext, err = decryptPGP(ctx, string(r.GetCiphertext()))
	case "age":
		answer.Plaintext, err = s.decryptAge(ctx, r)
	default:
		answer, err = s.Server.Decrypt(ctx, r)
	}
	switch {
	case err != nil:
		return nil, err
	case len(answer.Plaintext) > maxDataKey:
		return nil, tooLargeKey
	}
	return answer, nil
}

// wrap encrypts a data key. After MaxTime it returns, although SOPS continues to wait for a server that
// does not answer.
func (s service) wrap(ctx context.Context, r *keyservice.EncryptRequest) (*keyservice.EncryptResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, MaxTime)
	defer cancel() // not in the goroutine: its result must not compete with the end of ctx
	type result struct {
		answer *keyservice.EncryptResponse
		err    error
	}
	done := make(chan result, 1)
	go func() {
		res := result{err: errRefused}
		defer func() {
			_ = recover() // what SOPS says may quote the data key
			done <- res
		}()
		if k := r.GetKey().GetPgpKey(); k != nil {
			key := pgp.NewMasterKeyFromFingerprint(k.Fingerprint)
			res.err = key.EncryptContext(ctx, r.GetPlaintext()) // kills gpg
			res.answer = &keyservice.EncryptResponse{Ciphertext: key.EncryptedDataKey()}
			return
		}
		res.answer, res.err = s.Server.Encrypt(ctx, r)
	}()
	select {
	case res := <-done:
		return res.answer, res.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// limited turns an error of a program into a refusal, if the program reached a limit.
func limited(err error) error {
	if errors.Is(err, subprocess.ErrOutput) {
		return tooLargeKey
	}
	return err
}
