package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/render/foreign"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

// Setting is where a run takes place.
type Setting struct {
	// CI says that the run is a CI job.
	CI bool
	// Emulator says that the run is for the embedded emulator. Its lockfile has another fingerprint key
	// than the project's, and CI needs neither.
	Emulator bool
}

// Event is what an event of the engine says, in lines; none for [reconcile.ActionDone], which
// [Progress] is for, and for what [Phase] and [Waiting] are for.
func Event(e reconcile.Event, in Setting) []string {
	switch e := e.(type) {
	case reconcile.ManifestWarning:
		return warning("%s", e.Mistake)
	case reconcile.BindingsSkipped:
		return warning("skipping the bindings of a configuration that cannot be read: %s", Safe(e.Mistake.Error()))
	case reconcile.AccountUnknown:
		return warning("neither the environment nor the lockfile names the account: apply will not accept this plan as reviewed")
	case reconcile.QuotaUnread:
		return warning("cannot read the quota; skipping the quota check: %s", Safe(e.Err.Error()))
	case reconcile.AuditLogUnread:
		return warning("cannot read the audit log of account %s, so who changed secrets is not known: %s", foreign.Word(string(e.Account)), Safe(e.Err.Error()))
	case reconcile.ReadersUnread:
		return warning("cannot read all that is deployed in account %s: %s", foreign.Word(string(e.Account)), oneLine(e.Err))
	case reconcile.LeaseNotReleased:
		return warning("%s", Safe(e.Err.Error()))
	case reconcile.KeySealed:
		return []string{fmt.Sprintf("sealing a new fingerprint key for this project's %s", count(e.Recipients, "SOPS recipient"))}
	case reconcile.KeyNotOpened:
		return warning("the new fingerprint key was sealed for recipients whose keys are not on this machine, so the next plan here cannot use the lockfile: %s; "+
			"add a recipient for this machine to .sops.yaml, and let a holder of the other keys run lock rekey", Safe(e.Err.Error()))
	case reconcile.KeyCreated:
		return keyCreated(e, in)
	case reconcile.NoFingerprintMatches:
		return warning("none of the %d fingerprints in %s matches: unless all these values were changed, its key %s was planted; look at fingerprint_key in its history",
			e.Compared, e.Lockfile, e.KeyID)
	case reconcile.OtherKey:
		return warning("%s holds the key %s, but %s has %s sealed in it: after a lock rekey, remove the file; otherwise the sealed key was planted",
			e.File, e.FileKeyID, e.Lockfile, e.KeyID)
	case reconcile.KeyFileRemoved:
		if e.Err != nil {
			return warning("%s, which holds the fingerprint key, was removed during this run and cannot be written again; restore it from a copy: %s", e.File, Safe(e.Err.Error()))
		}
		return warning("%s, which holds the fingerprint key, was removed during this run, and was written again", e.File)
	case reconcile.VerificationFailed:
		return verificationFailed(e)
	case reconcile.ValuesUnverified:
		return valuesUnverified(e)
	case reconcile.KeyNotPinned:
		if in.CI && !in.Emulator {
			return warning("%s is not set, so a pull request could plant another fingerprint key: if the key's id on your machine is %s too, set it to that",
				keyring.PinVariable, e.ID)
		}
	}
	return nil
}

// oneLine is an error that may join several.
func oneLine(err error) string { return Safe(strings.ReplaceAll(err.Error(), "\n", "; ")) }

func warning(format string, args ...any) []string {
	return []string{"warning: " + fmt.Sprintf(format, args...)}
}

func keyCreated(e reconcile.KeyCreated, in Setting) []string {
	pin := fmt.Sprintf("set %s=%s in CI, so that a key planted by a pull request is rejected", keyring.PinVariable, e.ID)
	switch {
	case in.Emulator && e.File != "":
		return []string{fmt.Sprintf("created the fingerprint key %s, for the emulator's lockfile alone", e.File)}
	case in.Emulator:
		return nil
	case e.File == "":
		return []string{pin}
	}
	lines := []string{fmt.Sprintf("created the fingerprint key %s: keep it, and store it in CI as %s", e.File, keyring.Variable)}
	if in.CI {
		lines = append(lines, "warning: this looks like CI: if the file is lost with the runner, the next run cannot use the lockfile")
	}
	return append(lines, pin)
}

// Skipped are reviewed actions that are not in the plan, and why, in a line each.
func Skipped(skipped []reconcile.Skipped, p *planner.Plan) []string {
	all := *p
	for _, s := range skipped {
		all.Actions = append(slices.Clip(all.Actions), s.Action)
	}
	in := PlanNames(&all)
	var lines []string
	for _, s := range skipped {
		lines = append(lines, skippedBecause(s)+": "+actionName(s.Action, in))
	}
	return lines
}

func skippedBecause(s reconcile.Skipped) string {
	return map[reconcile.SkipReason]string{
		reconcile.SkipUnread:     "unknown, because its account could not be read",
		reconcile.SkipNotDesired: "no longer in this manifest",
		reconcile.SkipNotNeeded:  "no longer needed",
	}[s.Reason]
}
