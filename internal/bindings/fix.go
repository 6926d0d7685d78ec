package bindings

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/secretsync/secretsync/internal/atomicfile"
	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/internal/wrangler"
)

// Fix corrects the bindings in all configurations, and reports each file that it wrote with
// the number of corrections. Files with mistakes are left unchanged.
func (p *Project) Fix(wrote func(file string, corrections int) error) error {
	for _, c := range p.Configs {
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
		if err := p.replace(c.File, after); err != nil {
			return err
		}
		if err := wrote(c.File, len(want)); err != nil {
			return err
		}
	}
	return nil
}

// Write writes the bindings of one environment into a configuration, and reports whether
// the configuration changed.
func (p *Project) Write(file, env string, want []wrangler.Binding) (changed bool, err error) {
	before := p.data[file]
	after, err := wrangler.Edit(file, before, env, want)
	if err != nil || string(after) == string(before) {
		return false, err
	}
	return true, p.replace(file, after)
}

// replace writes a configuration, unless another program, such as an editor, has changed it
// since it was read.
func (p *Project) replace(file string, after []byte) error {
	_, err := atomicfile.WriteIf(file, after, 0o644, func() error {
		now, err := os.ReadFile(file)
		if err == nil && !bytes.Equal(now, p.data[file]) {
			err = fmt.Errorf("another program changed %s meanwhile, so it was not written: run the command again", file)
		}
		return err
	})
	return err
}

// corrections returns, in corrected form, the bindings of a configuration whose store id or
// secret name has to change.
func (p *Project) corrections(c *wrangler.Config) []wrangler.Binding {
	var want []wrangler.Binding
	seen := map[position.Position]bool{}
	for env, b := range c.Bindings() {
		st, name := p.meant(env, b)
		if st == nil || st.id == "" || st.id == b.StoreID && name == b.SecretName || seen[b.Pos] {
			continue
		}
		seen[b.Pos] = true
		b.StoreID, b.SecretName = st.id, name
		want = append(want, b)
	}
	return want
}
