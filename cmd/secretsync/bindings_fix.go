package main

import (
	"errors"
	"fmt"

	"github.com/secretsync/secretsync/internal/atomicfile"
	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/lockfile"
)

// fixBindings corrects what is bound in all configurations. Those with mistakes are left
// as they are: check tells them.
func (p *project) fixBindings() error {
	p.warnOfEmulator()
	for _, c := range p.configs {
		want := p.corrections(c)
		if len(want) == 0 {
			continue
		}
		after, err := wrangler.Correct(c.File, p.data[c.File], want)
		var mistakes syntax.ErrorList
		switch {
		case errors.As(err, &mistakes):
			continue
		case err != nil:
			return err
		}
		if err := atomicfile.Write(c.File, after, 0o644); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(p.std.out, "Wrote %s: bindings corrected %d.\n", c.File, len(want)); err != nil {
			return err
		}
	}
	return nil
}

// corrections are the bindings of a configuration whose store or secret has another id or
// name than they say, as they should be.
func (p *project) corrections(c *wrangler.Config) []wrangler.Binding {
	var want []wrangler.Binding
	seen := map[position.Position]bool{}
	for _, env := range c.Environments {
		for _, b := range env.Bindings {
			st, name := p.meant(env, b)
			if st == nil || st.id == "" || st.id == b.StoreID && name == b.SecretName || seen[b.Pos] {
				continue
			}
			seen[b.Pos] = true
			b.StoreID, b.SecretName = st.id, name
			want = append(want, b)
		}
	}
	return want
}

// warnOfEmulator tells that the ids that are about to be given are not Cloudflare's.
func (p *project) warnOfEmulator() {
	if p.chooseAPI(); p.lock.API == lockfile.APILoopback && p.flags.emulator == "" && !p.loopback {
		p.say("warning: %s was made against an emulator: Cloudflare's stores have other ids", p.lockPath)
	}
}
