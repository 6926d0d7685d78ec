package sopsfile

import "github.com/secretsync/secretsync/internal/sopsfile/keygate"

// Anyone who knows a public key can write a file for it. So what a file makes SOPS do is bounded, as
// is what its keys do (package keygate). SOPS itself has no limits.
const (
	// maxPattern is the longest regular expression of the metadata, in bytes: SOPS compiles it
	// again for each value.
	maxPattern = 1 << 10
	// maxLines is how many lines a dotenv or INI file may have: the time that SOPS takes to
	// read one grows with their square.
	maxLines = 20_000
)

// refusedKeys is the error for a file that cannot be decrypted and has keys that were refused.
func (f *File) refusedKeys(failed *keygate.Failures) error {
	e := &Error{Kind: Damaged}
	for _, r := range failed.Refused {
		key := r.Type
		if r.Name != "" {
			key = named(r.Type, r.Name)
		}
		e.Mistakes.Add(f.whole(), "sops writes no such key: "+f.restore(), "is damaged: the data key for %s %s", key, r.What)
	}
	e.Mistakes.Tag("sops", 0)
	return e
}

// tooSlow is the error for a file whose decryption reached the time limit.
func (f *File) tooSlow() error {
	hint := "gpg, the command in SOPS_AGE_KEY_CMD or a key server does not answer"
	if !f.part {
		hint += "; see whether " + f.command("decrypt") + " works"
	}
	return fail(NoKey, f.whole(), hint, "decrypting it took longer than %v", f.opener.time)
}

// checkPatterns refuses metadata that SOPS would spend hours on.
func (f *File) checkPatterns(patterns ...string) error {
	for _, p := range patterns {
		if len(p) > maxPattern {
			return fail(Malformed, f.whole(), "", "has a regular expression of more than 1 KiB in its metadata")
		}
	}
	return nil
}
