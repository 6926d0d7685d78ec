package wrangler

import (
	"fmt"
	"slices"

	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/syntax"
)

// Correct gives bindings that a configuration has, known by where [Parse] found them,
// their store_id and secret_name. Every other byte stays as it is. The error is a
// [syntax.ErrorList] where the configuration has mistakes.
func Correct(file string, data []byte, want []Binding) ([]byte, error) {
	config, mistakes := Parse(file, data)
	if len(mistakes) > 0 {
		return nil, syntax.ErrorList(mistakes)
	}
	e := &editor{file: file, data: data}
	for _, w := range want {
		have, ok := config.at(w.Pos)
		if !ok {
			return nil, fmt.Errorf("%s has no binding at %s", file, w.Pos)
		}
		e.setText(have.StoreIDPos, have.StoreID, w.StoreID)
		e.setText(have.SecretNamePos, have.SecretName, w.SecretName)
	}
	edited := e.result()
	if again, mistakes := Parse(file, edited); len(mistakes) > 0 || !sameBindings(config, again, want) {
		return nil, fmt.Errorf("%s: %w", file, ErrLayout)
	}
	return edited, nil
}

// at returns the binding at a position.
func (c *Config) at(pos position.Position) (Binding, bool) {
	for _, b := range c.Bindings() {
		if b.Pos == pos {
			return b, true
		}
	}
	return Binding{}, false
}

// sameBindings reports whether a configuration has the bindings that it had before, some
// of them as wanted.
func sameBindings(before, after *Config, want []Binding) bool {
	return slices.EqualFunc(before.Environments, after.Environments, func(x, y Environment) bool {
		return slices.EqualFunc(x.Bindings, y.Bindings, func(b, now Binding) bool {
			if i := slices.IndexFunc(want, func(w Binding) bool { return w.Pos == b.Pos }); i >= 0 {
				b = want[i]
			}
			return b.same(now)
		})
	})
}
