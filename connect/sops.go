package connect

import (
	"context"
	"errors"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/internal/sopstext"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/reconcile"
)

// SOPS reads and writes SOPS files with keys of the given types: age and PGP if none are
// given. Other types name servers, so whoever can edit a file could have the caller's
// credentials sent to a server of their choice.
func SOPS(keyTypes ...string) (reconcile.SOPS, error) {
	opener, err := sopsfile.New(sopsfile.Options{KeyTypes: keyTypes})
	if err != nil {
		return nil, err
	}
	return sops{opener}, nil
}

// TypesNotAllowed is the type of the error, for [errors.As], about a SOPS file that can only be
// decrypted with keys of types that are not allowed. Its value lists the key types that [SOPS]
// would need, separated by commas.
type TypesNotAllowed = sopsfile.TypesNotAllowed

// sops implements the interfaces of reconcile and manifest with package sopsfile.
type sops struct{ opener *sopsfile.Opener }

func (s sops) Open(name, format string, data []byte) (manifest.SOPSFile, error) {
	as := sopstext.Format(format)
	if as == "" {
		as = sopstext.FormatOf(name, data)
	}
	f, err := s.opener.OpenAs(as, name, data)
	if err != nil {
		return nil, err
	}
	return sopsFile{f}, nil
}

func (s sops) Seal(ctx context.Context, key secret.Value, root, dir string, targets ...string) (doc []byte, recipients int, err error) {
	doc, list, err := s.opener.Seal(ctx, key, root, dir, targets...)
	if errors.Is(err, sopsfile.ErrNoRule) {
		return nil, 0, nil
	}
	return doc, len(list), err
}

// CheckSeal implements [reconcile.SealChecker].
func (s sops) CheckSeal(ctx context.Context, static bool, root, dir string, targets ...string) error {
	err := s.opener.CheckSeal(ctx, static, root, dir, targets...)
	if errors.Is(err, sopsfile.ErrNoRule) {
		return nil
	}
	return err
}

func (s sops) Unseal(ctx context.Context, doc []byte, name string) (secret.Value, error) {
	return s.opener.Unseal(ctx, doc, name)
}

type sopsFile struct{ *sopsfile.File }

// Value reads any scalar: manifest refuses types that a secret cannot have, and a wholly
// encrypted manifest has fields that are not strings.
func (f sopsFile) Value(ctx context.Context, path []string) (secret.Value, error) {
	return f.Scalar(ctx, path)
}

func (f sopsFile) Entry(path []string) (manifest.SOPSEntry, error) {
	e, err := f.File.Entry(path)
	return manifest.SOPSEntry(e), err
}
