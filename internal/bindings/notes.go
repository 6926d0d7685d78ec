package bindings

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/internal/wrangler"
)

// setAside reports whether the mistakes only say that a file, which a pattern matched, is not a
// readable configuration. A note says so.
func (p *Project) setAside(mistakes []*syntax.Error) bool {
	for _, e := range mistakes {
		switch {
		case errors.Is(e, wrangler.ErrProgram):
			p.Unread = append(p.Unread, e)
		case errors.Is(e, wrangler.ErrRedirect), errors.Is(e, wrangler.ErrNotConfig):
		default:
			return false
		}
		p.Notes = append(p.Notes, &syntax.Error{Pos: e.Pos, What: "skipped: " + e.What, Hint: e.Hint, Rule: e.Rule})
	}
	return true
}

// note adds remarks about a configuration to the notes.
func (p *Project) note(c *wrangler.Config) {
	for _, name := range wrangler.Preceding(c.File) {
		if _, err := os.Lstat(name); err == nil {
			p.Notes = append(p.Notes, &syntax.Error{
				Pos:  position.Position{File: c.File},
				What: fmt.Sprintf("wrangler reads %s, in the same folder, instead of this file", filepath.Base(name)),
				Hint: "unless its --config names this file", Rule: wrangler.Rule,
			})
			break
		}
	}
	for _, env := range c.Environments {
		if env.Forgotten {
			p.Notes = append(p.Notes, &syntax.Error{
				Pos:  env.Pos,
				What: fmt.Sprintf("environment %q binds no secret, while the top level does: environments inherit no bindings", env.Name),
				Hint: "an empty secrets_store_secrets list says that this is intended", Rule: wrangler.Rule,
			})
		}
	}
}
