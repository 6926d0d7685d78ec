package doctor

import (
	"context"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/manifest"
)

func (x *examination) fingerprintKey(ctx context.Context) Check {
	const name = "fingerprint-key"
	if x.lockfile.file == nil {
		return skipped(name, "the lockfile was not read")
	}
	key := x.lockfile.file.Key
	found := x.project.FindKey(ctx, key)
	facts := Facts{KeyID: key.ID}
	switch {
	case found.Err != nil:
		c := x.failed(name, "", Error, found.Err)
		c.Facts = facts
		return c
	case key.ID == "" && found.From == "":
		return Check{Name: name, Status: OK, Message: "none yet: the first apply creates one"}
	case key.ID == "":
		return Check{Name: name, Status: OK, Message: found.ID + ", from " + found.From, Facts: Facts{KeyID: found.ID}}
	}
	return Check{Name: name, Status: OK, Message: key.ID + ", from " + found.From, Facts: facts}
}

// encrypted is what a SOPS file tells without its values.
type encrypted interface {
	Recipients() []string
	CheckKey(context.Context) error
}

// sops finds out whether a key at hand opens the SOPS files, and names their recipients.
func (x *examination) sops(ctx context.Context) []Check {
	const name = "sops"
	if x.project == nil {
		return []Check{skipped(name, "no manifest")}
	}
	var checks []Check
	for _, f := range x.project.Manifest().SOPSFiles() {
		if ctx.Err() != nil {
			break
		}
		if f.Err != nil {
			checks = append(checks, x.failed(name, f.Name, Error, f.Err))
			continue
		}
		e, ok := f.File.(encrypted)
		if !ok {
			checks = append(checks, Check{Name: name, Subject: f.Name, Status: Skipped, Message: "this program reads no keys of SOPS files"})
			continue
		}
		checks = append(checks, x.opened(ctx, f, e))
	}
	if len(checks) == 0 {
		return []Check{skipped(name, "the manifest names no SOPS file")}
	}
	return checks
}

// opened tries the keys at hand on a SOPS file. Those that a server keeps are tried only if their
// types are allowed.
func (x *examination) opened(ctx context.Context, f manifest.OpenedSOPS, e encrypted) Check {
	recipients := e.Recipients()
	var c Check
	switch err := e.CheckKey(ctx); {
	case err == nil:
		c = Check{Name: "sops", Subject: f.Name, Status: OK, Message: "can be decrypted here; encrypted for " + shortened(recipients)}
	case onlyServers(recipients):
		c = x.failed("sops", f.Name, Skipped, err)
		c.Message = "not tried, because only servers have its keys; encrypted for " + shortened(recipients)
	default:
		c = x.failed("sops", f.Name, Error, err)
	}
	c.Recipients = recipients
	return c
}

// onlyServers reports whether no key of a file can be on this machine.
func onlyServers(recipients []string) bool {
	return !slices.ContainsFunc(recipients, func(r string) bool {
		return strings.HasPrefix(r, "age ") || strings.HasPrefix(r, "pgp ")
	})
}

// shortened is a list of recipients that fits in a line.
func shortened(recipients []string) string {
	const most, length = 2, 20
	var names []string
	for _, r := range recipients[:min(most, len(recipients))] {
		if runes := []rune(r); len(runes) > length {
			r = string(runes[:length]) + "…"
		}
		names = append(names, r)
	}
	text := strings.Join(names, ", ")
	if more := len(recipients) - most; more > 0 {
		text += andMore(more)
	}
	return text
}
