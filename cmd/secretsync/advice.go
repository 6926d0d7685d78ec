package main

import (
	"errors"
	"strings"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
)

// advice says what to do about an error of a library, in words of the command line, which
// libraries do not know; it is empty where they have said it all.
func advice(err error) string {
	var held *lockfile.HeldError
	var types sopsfile.TypesNotAllowed
	switch {
	case errors.As(err, &held):
		return "try again when it has ended, or wait longer with --lock-timeout"
	case errors.Is(err, lockfile.ErrLost):
		return "if there is none, move this one away and run import --lock-only"
	case errors.Is(err, lockfile.ErrConflict):
		return "then run plan and apply"
	case errors.Is(err, lockfile.ErrNotRegular):
		return "name another lockfile with --lockfile"
	case errors.Is(err, keyring.ErrNotPinned):
		return "if nobody changed the key on purpose, somebody planted one: do not apply, look at fingerprint_key in the lockfile's history"
	case errors.Is(err, keyring.ErrNotAtHand):
		return "lock rekey needs that key too; if it is lost, move the lockfile away and rebuild it with import --lock-only"
	case errors.Is(err, manifest.ErrNone):
		return "run secretsync init, or name a manifest with --file"
	case errors.Is(err, manifest.ErrSeveral):
		return "remove all but one, or name one with --file"
	case errors.Is(err, manifest.ErrOutside):
		return "--allow-outside permits it"
	case errors.Is(err, manifest.ErrCommand):
		return "--allow-commands permits it"
	case errors.Is(err, manifest.ErrPlaintext):
		return "--allow-plaintext-values is for experiments"
	case errors.Is(err, wrangler.ErrLayout):
		return "paste what bindings generate prints"
	case errors.As(err, &types):
		return "if you trust the file with your credentials, allow its other keys: --sops-key-types " + string(types)
	}
	return ""
}

// advised is a library's hint followed by the command line's advice.
func advised(hint string, err error) string {
	return strings.TrimPrefix(strings.TrimSuffix(hint+"; "+advice(err), "; "), "; ")
}
