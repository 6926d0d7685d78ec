package render

import (
	"fmt"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/reconcile"
)

// Event is what an event of the engine says, in one line; empty for [reconcile.ActionDone],
// which [Progress] is for. ci says that this is a CI job.
func Event(e reconcile.Event, ci bool) []string {
	switch e := e.(type) {
	case reconcile.ManifestWarning:
		return warning("%s", e.Mistake)
	case reconcile.BindingsSkipped:
		return warning("its bindings are not looked at: %s", Safe(e.Mistake.Error()))
	case reconcile.AccountUnknown:
		return warning("neither the environment nor the lockfile names the account: this plan cannot be the reviewed one of an apply")
	case reconcile.QuotaUnread:
		return warning("nothing is held to the quota, which cannot be read: %s", Safe(e.Err.Error()))
	case reconcile.KeySealed:
		return []string{fmt.Sprintf("sealing a new fingerprint key for the SOPS recipients of this project: %d", e.Recipients)}
	case reconcile.KeyCreated:
		return keyCreated(e, ci)
	case reconcile.NoFingerprintMatches:
		return warning("none of the %d fingerprints of %s matches: if not all these values were changed, somebody planted its key %s; look at fingerprint_key in its history",
			e.Compared, e.Lockfile, e.KeyID)
	case reconcile.OtherKey:
		return warning("%s holds the key %s, and %s has %s, sealed: if somebody ran lock rekey, remove the file; if nobody did, the sealed key was planted",
			e.File, e.FileKeyID, e.Lockfile, e.KeyID)
	case reconcile.KeyNotPinned:
		if ci {
			return warning("%s is not set: a pull request could plant another fingerprint key; if %s is the key's id on your machine too, set it to that",
				keyring.PinVariable, e.ID)
		}
	}
	return nil
}

func warning(format string, args ...any) []string {
	return []string{"warning: " + fmt.Sprintf(format, args...)}
}

func keyCreated(e reconcile.KeyCreated, ci bool) []string {
	var lines []string
	if e.File != "" {
		lines = append(lines, fmt.Sprintf("made the fingerprint key %s: keep it, and give it to CI as %s", e.File, keyring.Variable))
		if ci {
			lines = append(lines, "warning: this looks like CI: if the file goes with the runner, the lockfile is of no use to the next run")
		}
	}
	return append(lines, fmt.Sprintf("in CI, set %s=%s: no other key is accepted there then, as one that a pull request plants", keyring.PinVariable, e.ID))
}

// Skipped is a reviewed action that is not done, and why.
func Skipped(s reconcile.Skipped) string {
	why := map[reconcile.SkipReason]string{
		reconcile.SkipUnread:     "cannot be told, since its account could not be read",
		reconcile.SkipNotDesired: "not asked for by this manifest any more",
		reconcile.SkipNotNeeded:  "not needed any more",
	}[s.Reason]
	return why + ": " + ActionName(s.Action)
}
