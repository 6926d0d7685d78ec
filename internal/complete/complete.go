// Package complete finds the words that a shell may complete on secretsync's command line: names of
// a project's stores, secrets, accounts and Workers. It reads the manifest and the lockfile, and
// nothing else: it sends no request, decrypts nothing, runs no command, waits for no lock and reports
// no error.
package complete

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/reconcile"
)

const (
	// maxTime is how long a person waits for a suggestion.
	maxTime = 2 * time.Second
	// maxSize is the largest file that is read in that time.
	maxSize = 8 << 20
	// maxShown is how many words a shell lists at once.
	maxShown = 200
)

// Project is what a project's files name. Secrets and Generated are STORE/SECRET.
type Project struct {
	Labels   []string // of stores in the manifest
	Accounts []string
	// Secrets are the secrets of the manifest and the lockfile. Generated are those whose values the
	// manifest generates.
	Secrets, Generated []string
	Workers            []string // wrangler configurations
}

// Read returns what the files of a project name. What cannot be read is left out, and there is
// nothing if it takes too long.
func Read(ctx context.Context, c reconcile.Config) Project {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	done := make(chan Project, 1)
	go func() { done <- read(ctx, c) }() // parsing cannot be interrupted
	select {
	case p := <-done:
		return p
	case <-ctx.Done():
		return Project{}
	}
}

func read(ctx context.Context, c reconcile.Config) Project {
	var p Project
	m, err := manifest.Load(ctx, manifest.Options{
		File: c.Manifest, Vars: c.Vars, LookupEnv: c.LookupEnv, AllowOutside: c.Allow.Outside, MaxFileSize: maxSize,
	})
	var bad *manifest.LoadError
	if errors.As(err, &bad) {
		m = bad.Partial
	}
	if m != nil {
		p.addManifest(m)
	}
	for _, f := range reconcile.Files(c, m) {
		if f.Role == reconcile.FileLockfile {
			p.addLockfile(f.Name)
		}
	}
	return p
}

func (p *Project) addManifest(m *manifest.Manifest) {
	for _, st := range m.Stores {
		p.Labels = append(p.Labels, st.Label)
		p.Accounts = append(p.Accounts, st.AccountID)
		for _, sec := range st.Secrets {
			name := st.Name + "/" + sec.Name
			p.Secrets = append(p.Secrets, name)
			if sec.Source.Kind == manifest.SourceGenerate {
				p.Generated = append(p.Generated, name)
			}
		}
	}
	for _, f := range m.Files() {
		if f.Role == manifest.RoleWorker {
			p.Workers = append(p.Workers, f.Name)
		}
	}
}

// addLockfile adds the secrets that were applied, some of which the manifest may no longer have.
func (p *Project) addLockfile(name string) {
	f, err := os.Open(name)
	if err != nil {
		return
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > maxSize {
		return
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSize))
	if err != nil {
		return
	}
	lock, err := lockfile.Parse(name, data)
	if err != nil {
		return
	}
	for key, st := range lock.All() {
		p.Accounts = append(p.Accounts, string(key.Account))
		for secret := range st.Secrets {
			p.Secrets = append(p.Secrets, key.Name+"/"+secret)
		}
	}
}

// plain are the characters that no shell gives a meaning to inside a word.
const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./"

// Words returns the words that begin as typed does, sorted. A word that a shell could take for
// anything but text, or a command for a flag, is left out: it has to be typed, in quotes. If there are
// more words than a shell should list, it returns their beginnings up to the next slash, and true:
// more is to follow each.
func Words(all []string, typed string) (words []string, more bool) {
	for _, w := range all {
		if w != "" && strings.HasPrefix(w, typed) && strings.Trim(w, plain) == "" && w[0] != '-' {
			words = append(words, w)
		}
	}
	slices.Sort(words)
	words = slices.Compact(words)
	if len(words) <= maxShown {
		return words, false
	}
	begins := make([]string, 0, len(words))
	for _, w := range words {
		end := strings.IndexByte(w[len(typed):], '/')
		if end < 0 {
			return words[:maxShown], false
		}
		begins = append(begins, w[:len(typed)+end+1])
	}
	begins = slices.Compact(begins)
	return begins[:min(len(begins), maxShown)], true
}
