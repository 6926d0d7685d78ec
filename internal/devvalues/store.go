// Package devvalues gives the values of secrets to Workers that run on this machine: it stores
// them where wrangler dev reads them, removes them there, and runs a command with them.
package devvalues

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/secretsync/secretsync/internal/bindings"
	"github.com/secretsync/secretsync/internal/devsession"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/localdev"
	"github.com/secretsync/secretsync/internal/redact"
	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/manifest"
)

// ErrReported is returned after failures that [Local.Failed] was called with.
var ErrReported = errors.New("some of it failed")

// Local describes a manifest's Workers and the program around.
type Local struct {
	Manifest *manifest.Manifest
	Bindings *bindings.Project
	// Mistakes are the mistakes in the wrangler configurations.
	Mistakes []*syntax.Error
	// PersistTo is the value of wrangler dev's --persist-to option; empty for wrangler's default.
	PersistTo string

	Out    io.Writer
	Filter *redact.Filter
	Getenv func(string) string
	// Say writes a line to the standard error.
	Say func(format string, args ...any)
	// Failed reports a failure at once, before the next Worker's turn.
	Failed func(error)
	// Line is a command of secretsync that can be pasted.
	Line func(words ...string) string
}

// Store stores the values that some configurations bind where their Workers look for them.
func (l *Local) Store(ctx context.Context, configs []*wrangler.Config, values map[manifest.SecretRef]secret.Value) error {
	said := map[string]bool{}
	say := func(text string) { // a Worker may look in several places
		if !said[text] {
			said[text] = true
			l.Say("%s", text)
		}
	}
	var stored []*devsession.Place
	err := l.eachOf(ctx, l.places(files(configs)), func(p *devsession.Place) error {
		some, err := l.storeIn(ctx, p, values, say)
		if some {
			stored = append(stored, p)
		}
		return err
	})
	l.sayWhere(stored)
	return err
}

func files(configs []*wrangler.Config) []string {
	var names []string
	for _, c := range configs {
		names = append(names, c.File)
	}
	return names
}

// eachOf calls a function for every place. It reports a failure immediately and
// continues with the next one.
func (l *Local) eachOf(ctx context.Context, places devsession.Layout, do func(*devsession.Place) error) error {
	var failed error
	for _, p := range places {
		err := do(p)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			l.Failed(err)
			failed = ErrReported
		}
	}
	return failed
}

// places returns the places where some Workers look for their secrets: what --persist-to
// names, or else what their projects say.
func (l *Local) places(files []string) devsession.Layout {
	if l.PersistTo != "" {
		return devsession.InFolder(l.PersistTo, "--persist-to", files)
	}
	named := map[string][]manifest.WorkerFolder{}
	found, _ := l.Manifest.WorkerFiles() // the mistakes were reported with the bindings
	for _, f := range found {
		named[f.Name] = f.PersistTo
	}
	places, unknown := devsession.Places(repo.New(filepath.Dir(l.Manifest.File), false).Root, files, named)
	for _, u := range unknown {
		l.Say("warning: %s runs %s, but %s: set persist_to for it under workers:", u.Session.By, u.File, u.Session.Problem)
	}
	return places
}

// storeIn stores the secrets of the Workers that look in a place, and reports whether it stored
// any.
func (l *Local) storeIn(
	ctx context.Context, p *devsession.Place, values map[manifest.SecretRef]secret.Value, say func(string),
) (bool, error) {
	var configs []*wrangler.Config
	for _, v := range p.Visitors {
		configs = append(configs, l.Bindings.Config(v.File))
	}
	lists, warnings := l.Bindings.LocalSecrets(configs, values)
	for _, warning := range warnings {
		say("warning: " + warning)
	}
	var all []localdev.Secret
	var reads []string
	readers := p.Visitors[:0:0]
	for i, v := range p.Visitors {
		if len(lists[i]) == 0 {
			say(v.File + " binds no secret for which there is a value")
			continue
		}
		all, reads, readers = append(all, lists[i]...), append(reads, names(lists[i])), append(readers, v)
	}
	p.Visitors = readers
	if len(all) == 0 {
		return false, nil
	}
	if err := localdev.CheckLinks(p.Place); err != nil { // git only says that it cannot tell what is behind one
		return false, devError(p, err)
	}
	if err := l.checkIgnored(ctx, p.Place); err != nil {
		return false, err
	}
	if err := localdev.Put(ctx, p.Place, all); err != nil {
		return false, devError(p, err)
	}
	for i, v := range readers {
		if _, err := fmt.Fprintf(l.Out, "%s: stored %s\n", v.File, reads[i]); err != nil {
			return true, err
		}
	}
	return true, nil
}

func names(secrets []localdev.Secret) string {
	if len(secrets) == 0 {
		return "nothing"
	}
	list := make([]string, len(secrets))
	for i, s := range secrets {
		list[i] = s.Name
	}
	return strings.Join(list, ", ")
}

// sayWhere says where each Worker looks, and what to do about the plain text there.
func (l *Local) sayWhere(places []*devsession.Place) {
	var folders []string
	byDefault := 0
	for _, p := range places {
		l.Filter.Public(p.Values()) // others may have chosen it
		for _, v := range p.Visitors {
			l.Filter.Public(v.By)
			by := v.By
			if by == "" {
				byDefault++
				by = "beside it"
			}
			l.Say("%s looks in %s (%s)", v.File, p.State(), by)
		}
		folders = append(folders, p.Values())
	}
	if byDefault > 1 {
		l.Say("Workers that run together, for example with wrangler dev -c A -c B, all look where the first one does: " +
			"set persist_to for them under workers:")
	}
	if len(folders) > 0 {
		l.Say("the values are in plain text in %s; %s removes them", strings.Join(folders, ", "), l.Line("dev", "--clear"))
	}
}

// devError adds a hint to an error of package localdev.
func devError(place *devsession.Place, err error) error {
	file, values := place.Files(), place.Values()
	for is, todo := range map[error]string{
		localdev.ErrNoMiniflare: "install wrangler first: npm install --save-dev wrangler",
		localdev.ErrNoNode:      "install Node.js, and then wrangler: npm install --save-dev wrangler",
		localdev.ErrUnsupported: "install a newer wrangler: npm install --save-dev wrangler@latest",
		localdev.ErrFailed: "see what wrangler dev says there: it may want a newer Node.js, or be too old; " +
			"and an older wrangler cannot read what a newer one left in " + filepath.Dir(values),
		localdev.ErrLost:    "remove " + values + ", in case something is there, and try another wrangler; please report this one",
		localdev.ErrDamaged: "remove " + values + ", where the values are, and " + place.Record() + "; then run dev again",
		localdev.ErrLink:    "remove it; nothing was stored there",
		localdev.ErrBusy:    "try again when it has finished",
	} {
		if errors.Is(err, is) {
			return hint.With(fmt.Errorf("%s: %w", file, err), todo)
		}
	}
	return fmt.Errorf("%s: %w", file, err)
}

// checkIgnored refuses to store plain text where git would track it.
func (l *Local) checkIgnored(ctx context.Context, place localdev.Place) error {
	root := place.Root()
	if !repo.InWorkTree(root) {
		return nil
	}
	at := root // git needs an existing folder to start in
	for {
		if info, err := os.Stat(at); err == nil && info.IsDir() {
			break
		}
		at = filepath.Dir(at)
	}
	for _, path := range []string{filepath.Join(place.Values(), "id", "blobs", "value"), filepath.Join(root, "file")} {
		path, err := filepath.Rel(at, path)
		if err != nil {
			return err
		}
		switch ignored, err := repo.Ignored(ctx, at, l.Getenv, path); {
		case err == nil && ignored:
		case err == nil:
			return hint.With(fmt.Errorf("git does not ignore %s, where the values would be in plain text", root),
				"add "+filepath.Base(root)+" to .gitignore")
		default:
			return hint.With(fmt.Errorf("git cannot tell whether it ignores %s, where the values would be in plain text", root),
				"run git check-ignore there to see why")
		}
	}
	return nil
}
