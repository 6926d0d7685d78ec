package render

import (
	"fmt"

	"github.com/secretsync/secretsync/planner"
)

// Problem says why a plan cannot be applied, and what to do about it.
func Problem(p planner.Problem) (what, hint string) {
	name := fmt.Sprintf("secret %q of store %q", Safe(p.Secret), Safe(p.Store.Name))
	switch p.Kind {
	case planner.ProblemConflict:
		return name + " exists already, and is not recorded as ours: it is left alone",
			"adopt: overwrite sets its value, adopt: keep takes it over as it is; or give this one another name"
	case planner.ProblemExternalMissing:
		return name + " does not exist, and is external: somebody else has to supply it", "create it in Cloudflare, or leave it out"
	case planner.ProblemExternalScopes:
		return fmt.Sprintf("%s is external and lacks the scopes %s", name, Scopes(p.Missing)), "have whoever supplies it add them"
	case planner.ProblemOtherPrefix:
		return name + " is recorded in this lockfile and does not have the store's prefix: the lockfile is another environment's",
			"give each environment a lockfile of its own with --lockfile"
	case planner.ProblemOtherAccount:
		return fmt.Sprintf("the lockfile's records of store %q are of account %s, which neither the manifest nor the environment names, while another account is new to it",
				Safe(p.Store.Name), Safe(string(p.Store.Account))),
			"set CLOUDFLARE_ACCOUNT_ID to that account; to move to another one, give it a lockfile of its own with --lockfile, and then run destroy with this one"
	case planner.ProblemBreaksWorker:
		return breaksWorker(p.Store, p.Secret, p.Worker), "deploy it without the binding first, or keep the secret for one more apply"
	case planner.ProblemForged:
		return forged(p)
	case planner.ProblemTooManyDeletes:
		return fmt.Sprintf("the plan deletes %d, and %d are allowed", p.Count, p.Limit), "look at the plan; if it is right, --max-deletes allows more"
	case planner.ProblemQuota:
		return fmt.Sprintf("account %s would need %d secrets, and may have %d", Safe(string(p.Store.Account)), p.Count, p.Limit),
			"the quota counts the secrets of all tools: delete some first"
	}
	return fmt.Sprintf("%s: %s", Safe(string(p.Kind)), name), ""
}

// forged tells of a planted key, or, where some of the fingerprints are the key's, perhaps
// of nothing but a merge.
func forged(p planner.Problem) (what, hint string) {
	var names []string
	for _, name := range p.Secrets {
		names = append(names, Safe(name))
	}
	what = fmt.Sprintf("its fingerprint key %s made no such fingerprints: %d do not match values that are encrypted as they were recorded (%s), so the key or the records were replaced",
		Safe(p.KeyID), p.Count, shortened(names))
	if p.Matched > 0 {
		return what + ", or a branch that had applied under the old key was merged after a lock rekey",
			"if it was such a merge, lock rekey repairs it: it draws a new key and drops what does not match; if not, restore the lockfile from git, and find out who changed fingerprint_key or the records"
	}
	return what, "restore the lockfile from git, and find out who changed fingerprint_key; lock rekey, with the key that git has, is how to change it; without any good lockfile, lock rekey draws a new key and drops what does not match"
}
