package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/cloudflare"
	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
)

const cloudflareAPI = "https://api.cloudflare.com/client/v4"

// The emulator's account and token, used where the environment gives none. A real
// token is never sent to it.
const (
	emulatorAccount = "0000000000000000000000000000e000"
	emulatorToken   = "emulator"
)

// session is what the commands that look at Cloudflare share: the manifest, and
// a client for each account.
type session struct {
	*app
	manifest *manifest.Manifest
	sops     *sopsfile.Opener
	pace     *cloudflare.Pace
	clock    *cloudflare.Clock
	lockPath string
	baseURL  string
	loopback bool // the API is on this machine, so not Cloudflare's
	embedded *emulator.Embedded
	clients  map[planner.AccountID]*cloudflare.Client
}

// openManifest reads the manifest and everything it includes, and no value. Where there
// are mistakes, those of the wrangler configurations are told with them.
func (a *app) openManifest(ctx context.Context) (*session, error) {
	file := a.flags.file
	if file == "" {
		var err error
		if file, err = manifest.Find("."); err != nil {
			return nil, err
		}
	}
	s, err := a.newSession(file)
	if err != nil {
		return nil, err
	}
	vars, err := a.variables()
	if err != nil {
		return nil, err
	}
	s.manifest, err = manifest.Load(ctx, manifest.Options{
		File: file, Vars: vars, LookupEnv: a.env, SOPS: opener{s.sops},
		Known: a.filter.Know, AllowPlaintextValues: a.flags.allowPlaintext, AllowCommands: a.flags.allowCommands, AllowOutside: a.flags.allowOutside,
		Private: s.keyFiles(), Values: a.flags.values,
	})
	var bad *manifest.LoadError
	if errors.As(err, &bad) {
		s.manifest = bad.Partial
	}
	if s.manifest == nil {
		return nil, err
	}
	for _, w := range s.manifest.Warnings {
		a.say("warning: %s", w)
	}
	if err != nil {
		_, _, workers := s.workerConfigs(&lockfile.File{})
		return nil, together(err, syntax.ErrorList(workers).Err())
	}
	s.filter.Public(manifestText(s.manifest)...)
	return s, nil
}

// newSession is a session whose manifest is empty as yet.
func (a *app) newSession(file string) (*session, error) {
	sops, err := sopsfile.New(sopsfile.Options{KeyTypes: a.sopsKeyTypes()})
	if err != nil {
		return nil, err
	}
	s := &session{
		app: a, manifest: &manifest.Manifest{File: file}, sops: sops, lockPath: a.flags.lockfile,
		pace: cloudflare.NewPace(), clock: &cloudflare.Clock{}, clients: map[planner.AccountID]*cloudflare.Client{},
	}
	if s.lockPath == "" {
		s.lockPath = lockfile.PathFor(file)
	}
	return s, nil
}

// connect decides which API is talked to, and starts the emulator if it is that.
func (s *session) connect(ctx context.Context) error {
	if s.flags.emulator != "" {
		file := s.flags.emulator
		if file == emulatorDefault {
			file = filepath.Join(filepath.Dir(s.lockPath), file)
			if err := keyring.Ignore(filepath.Dir(s.lockPath), emulatorDefault, emulatorDefault+".flock"); err != nil {
				return err
			}
		}
		e, err := emulator.Embed(ctx, emulator.Options{StateFile: file})
		if err != nil {
			return fmt.Errorf("starting the emulator: %w", err)
		}
		s.embedded, s.baseURL, s.loopback = e, e.BaseURL(), true
		s.say("using the embedded emulator, state in %s", file)
		return nil
	}
	s.chooseAPI()
	return nil
}

// chooseAPI takes the API's address from the flags or the environment.
func (s *session) chooseAPI() {
	s.baseURL = s.setting(s.flags.apiBaseURL, "CLOUDFLARE_API_BASE_URL")
	if s.baseURL == "" {
		s.baseURL = cloudflareAPI
	}
	if u, err := url.Parse(s.baseURL); err == nil {
		s.loopback = cloudflare.IsLoopback(u.Hostname())
	}
}

func (s *session) close() {
	if s.embedded != nil {
		s.embedded.Stop()
	}
}

// accountUnknown stands for an account that nothing names, in a plan made offline.
const accountUnknown = "unknown"

// accountID is a store's account: the manifest's, else the one set outside, else, for
// a plan made offline, the only one of the lockfile.
func (s *session) accountID(st manifest.Store, lock *lockfile.File) (planner.AccountID, error) {
	id := st.AccountID
	if id == "" {
		id = s.setting(s.flags.accountID, "CLOUDFLARE_ACCOUNT_ID")
	}
	if id != "" {
		return cloudflare.ParseAccountID(id)
	}
	if s.flags.emulator != "" {
		return emulatorAccount, nil
	}
	if s.flags.offline {
		account := onlyAccount(lock)
		if account == accountUnknown {
			s.say("warning: neither the environment nor the lockfile names the account: this plan cannot be the reviewed one of an apply")
		}
		return account, nil
	}
	return "", hint(fmt.Errorf("no Cloudflare account is set"),
		"set CLOUDFLARE_ACCOUNT_ID, or --account-id, or accounts in the manifest; plan --offline does without, and --emulator")
}

// likelyAccount is a store's account where nothing hangs on it but names: it may be unknown.
func (s *session) likelyAccount(st manifest.Store, lock *lockfile.File) planner.AccountID {
	id := st.AccountID
	if id == "" {
		id = s.setting(s.flags.accountID, "CLOUDFLARE_ACCOUNT_ID")
	}
	account, err := cloudflare.ParseAccountID(id)
	if err != nil {
		return onlyAccount(lock)
	}
	return account
}

func onlyAccount(lock *lockfile.File) planner.AccountID {
	var only lockfile.AccountID
	for k := range lock.Stores {
		if only != "" && k.Account != only {
			return accountUnknown
		}
		only = k.Account
	}
	return planner.AccountID(cmp.Or(only, accountUnknown))
}

// client returns the client of an account, made on first use.
func (s *session) client(id planner.AccountID) (*cloudflare.Client, error) {
	if c := s.clients[id]; c != nil {
		return c, nil
	}
	token, err := s.token(id)
	if err != nil {
		return nil, err
	}
	if s.embedded == nil {
		s.filter.Know(secret.New([]byte(token)))
	}
	c, err := cloudflare.New(cloudflare.Config{
		BaseURL: s.baseURL, Token: token, AccountID: string(id), RequestTimeout: s.flags.requestTimeout,
		Transport: s.http, Pace: s.pace, Clock: s.clock, Log: s.log, OnWait: s.sayWait, UserAgent: "secretsync/" + version(),
	})
	if err != nil {
		return nil, err
	}
	s.clients[id] = c
	return c, nil
}

// token is the API token of an account, from the variable that the manifest names for it.
func (s *session) token(id planner.AccountID) (string, error) {
	if s.embedded != nil {
		return emulatorToken, nil
	}
	variable := "CLOUDFLARE_API_TOKEN"
	for _, st := range s.manifest.Stores {
		if strings.EqualFold(st.AccountID, string(id)) && st.TokenEnv != "" {
			variable = st.TokenEnv
		}
	}
	token, _ := s.env(variable)
	if token == "" {
		if strings.ToUpper(variable) != variable { // it may be a token in the wrong place
			variable = "the variable that token_env names"
		}
		return "", hint(fmt.Errorf("%s is not set: it holds the API token of account %s", variable, id),
			"make a token with the permission \"Secrets Store Write\" (plan and drift: \"Secrets Store Read\"), or try --emulator")
	}
	return token, nil
}

func (s *session) sayWait(w cloudflare.Wait) {
	s.say("waiting %s: %s", w.Delay.Round(100_000_000), w.Reason)
}

// targets are the clients of all accounts that the plan's actions name.
func (s *session) targets(p *planner.Plan) (map[planner.AccountID]applier.Target, error) {
	targets := map[planner.AccountID]applier.Target{}
	for _, a := range p.Actions {
		c, err := s.client(a.Store.Account)
		if err != nil {
			return nil, err
		}
		targets[a.Store.Account] = c
	}
	return targets, nil
}

// opener adapts sopsfile to what manifest asks for.
type opener struct{ *sopsfile.Opener }

func (o opener) Open(name string, data []byte) (manifest.SOPSFile, error) {
	f, err := o.Opener.Open(name, data)
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

type file struct{ *sopsfile.File }

// Value reads any scalar: manifest refuses by its type what a secret cannot be, and
// a wholly encrypted manifest has fields that are no strings.
func (f file) Value(ctx context.Context, path []string) (secret.Value, error) {
	return f.Scalar(ctx, path)
}

func (f file) Entry(path []string) (manifest.SOPSEntry, error) {
	e, err := f.File.Entry(path)
	return manifest.SOPSEntry(e), err
}

// sopsKeyTypes are the key types that SOPS files may use; nil for the usual ones.
// The manifest has no say in it.
func (a *app) sopsKeyTypes() []string {
	if len(a.flags.sopsKeyTypes) > 0 {
		return a.flags.sopsKeyTypes
	}
	if types, _ := a.env("SECRETSYNC_SOPS_KEY_TYPES"); types != "" {
		return strings.Split(types, ",")
	}
	return nil
}
