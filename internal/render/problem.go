package render

import (
	"fmt"

	"github.com/secretsync/secretsync/internal/render/foreign"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/planner"
)

// Problem says why a plan cannot be applied, and what to do about it.
func Problem(p planner.Problem, in Names) (what, hint string) {
	name := fmt.Sprintf("secret %s of store %s", foreign.Excerpt(p.Secret, foreign.MaxName), in.quoted(p.Store))
	switch p.Kind {
	case planner.ProblemConflict:
		return name + " already exists and is not in the lockfile: it is left alone",
			"adopt: overwrite sets its value, adopt: keep adopts it as it is; or choose another name"
	case planner.ProblemUnproven:
		return name + " was created by an interrupted apply, or by another client at the same time: secretsync cannot tell which, so it is left alone",
			"adopt: overwrite sets its value, adopt: keep adopts it as it is; or delete it in Cloudflare. With a comment in the manifest, a secret can be recognized"
	case planner.ProblemAdoptOther:
		return name + " already exists, and its value is known not to be the manifest's: it is left alone (adopt: verify)",
			"adopt: overwrite sets the manifest's value, adopt: keep adopts it as it is; or correct the value at its source"
	case planner.ProblemAdoptUnreadable:
		return name + " already exists, and no Worker can read its value, so that it cannot be verified: it is left alone (adopt: verify)",
			"adopt: overwrite sets the manifest's value, adopt: keep adopts it as it is; secrets without the scope workers cannot be verified"
	case planner.ProblemAdoptUnverified:
		return name + " already exists, and its value could not be verified: it is left alone (adopt: verify)",
			"the warnings say why it was not verified; adopt: overwrite sets the manifest's value, adopt: keep adopts it as it is"
	case planner.ProblemPreviousTaken:
		return name + " would keep a previous value (rotate: overlap), but another secret has that name: it is left alone",
			"delete or rename that secret, or remove rotate from the manifest"
	case planner.ProblemExternalMissing:
		return name + " is external and does not exist", "create it in Cloudflare, or remove it from the manifest"
	case planner.ProblemExternalScopes:
		return fmt.Sprintf("%s is external and lacks the scopes %s", name, Scopes(p.Missing)),
			"add them in Cloudflare, or remove them from the manifest"
	case planner.ProblemOtherPrefix:
		return name + " is in this lockfile but lacks the store's prefix: the lockfile belongs to another environment",
			"use a separate lockfile for each environment, with --lockfile"
	case planner.ProblemOtherAccount:
		return fmt.Sprintf("the lockfile is for another account: it has store %q in account %s, which neither the manifest nor the environment names",
				Safe(p.Store.Name), Safe(string(p.Store.Account))),
			"set CLOUDFLARE_ACCOUNT_ID to that account; to move to another account, use a new lockfile for it with --lockfile, then run destroy with this one"
	case planner.ProblemBreaksWorker:
		return breaks(p, in)
	case planner.ProblemReadersUnread:
		return readersUnread(p.Store), "the warning says why; give the token the permission that it names, or try again"
	case planner.ProblemNothingToRotate:
		return "none of the matching secrets can be rotated", "the notes say why"
	case planner.ProblemOtherStore:
		return otherStore(p)
	case planner.ProblemSeveralStores:
		return severalStores(p)
	case planner.ProblemForged:
		return forged(p)
	case planner.ProblemTooManyDeletes:
		return fmt.Sprintf("the plan deletes %s; the limit is %d", count(p.Count, "secret"), p.Limit),
			"if the plan is right, allow more with --max-deletes"
	case planner.ProblemQuota:
		return fmt.Sprintf("account %s would have %s; its quota is %d", Safe(string(p.Store.Account)), count(p.Count, "secret"), p.Limit),
			"the quota counts the secrets of all tools: delete some first"
	}
	return fmt.Sprintf("%s: %s", Safe(string(p.Kind)), name), ""
}

// otherStore describes a second store to be created in an account that has one.
func otherStore(p planner.Problem) (what, hint string) {
	return fmt.Sprintf("the plan would create the store %s, but account %s already has %s, and Cloudflare allows one store per account",
			foreign.Excerpt(p.Store.Name, foreign.MaxName), foreign.Word(string(p.Store.Account)), existingStores(p)),
		meantStore(p, "use the name of the existing store.") + " If another store is intended, set create: true"
}

// severalStores describes a store to be created in an account for which the manifest has another
// one.
func severalStores(p planner.Problem) (what, hint string) {
	return fmt.Sprintf("the plan would create the store %s in account %s, for which the manifest also has %s, and Cloudflare allows one store per account",
			foreign.Excerpt(p.Store.Name, foreign.MaxName), foreign.Word(string(p.Store.Account)), existingStores(p)),
		meantStore(p, "describe one store per account; several environments can share it, each with its prefix.") + " If several stores are intended, set create: true"
}

// meantStore suggests the store whose name was mistyped, or else says what to do.
func meantStore(p planner.Problem, otherwise string) string {
	if near := syntax.Mistyped(p.Store.Name, p.Existing); near != "" {
		return "did you mean " + foreign.Excerpt(near, foreign.MaxName) + "?"
	}
	return otherwise
}

// existingStores lists the stores of a problem.
func existingStores(p planner.Problem) string {
	names := make([]string, len(p.Existing))
	for i, name := range p.Existing {
		names[i] = foreign.Excerpt(name, foreign.MaxName)
	}
	return Shortened(names)
}

// forged describes a planted key, or, where some of the fingerprints are the key's, perhaps
// of nothing but a merge.
func forged(p planner.Problem) (what, hint string) {
	var names []string
	for _, name := range p.Secrets {
		names = append(names, Safe(name))
	}
	what = fmt.Sprintf("%[2]d fingerprints do not match key %[1]s although the ciphertexts are unchanged (%[3]s): the key or the records were replaced",
		Safe(p.KeyID), p.Count, Shortened(names))
	if p.Matched > 0 {
		return what + ", or a branch that predates a lock rekey was merged",
			"after such a merge, run lock rekey again: it creates a new key and drops what does not match; otherwise restore the lockfile from git, and find out who changed fingerprint_key or the records"
	}
	return what, "restore the lockfile from git, and find out who changed fingerprint_key; to change the key, run lock rekey with the restored lockfile; if there is no good one, lock rekey creates a new key and drops what does not match"
}
