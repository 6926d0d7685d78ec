// Package keygate decides which of a SOPS file's keys are used, and when. SOPS asks it to decrypt
// and encrypt data keys: keys of types that are not allowed reach no server and no program, keys on
// this machine are used one at a time, and the size of an unpacked key is bounded. Files are hostile
// input, and name their keys themselves (docs/sops.md §1).
//
// Call [New], then [Gate.Service] for what SOPS calls.
package keygate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/keyservice"
	"github.com/getsops/sops/v3/pgp"
)

// Types returns all types of keys that SOPS has, by the names that its metadata uses.
func Types() []string {
	return []string{"age", "pgp", "kms", "gcp_kms", "azure_kv", "hc_vault", "hckms"}
}

// Local returns the types of keys that are used without asking a server. They are tried first: SOPS's
// library takes the file's order, in which probing for a cloud costs seconds (docs/sops.md §3).
func Local() []string { return []string{"age", "pgp"} }

// For SOPS alone.
var (
	errRefused = errors.New("key type not allowed")
	errPanic   = errors.New("the key cannot be used")
)

// Gate lets SOPS use allowed key types only, and contacts no server for other types. It may be used
// by several goroutines.
type Gate struct {
	allowed []string
	turn    turn        // of the keys on this machine
	written *identities // by commands
}

// New returns a gate for the key types; none means the types that [Local] returns. It fails for a
// type that SOPS doesn't have.
func New(types []string) (*Gate, error) {
	allowed := Local()
	if len(types) > 0 {
		allowed = nil
	}
	for _, t := range types {
		t = strings.TrimSpace(t)
		if !slices.Contains(Types(), t) {
			return nil, fmt.Errorf("%q is not a SOPS key type: want one of %s", t, strings.Join(Types(), ", "))
		}
		allowed = append(allowed, t)
	}
	return &Gate{allowed: allowed, turn: make(turn, 1), written: &identities{}}, nil
}

// Allowed returns the types of keys that may be used.
func (g *Gate) Allowed() []string { return slices.Clone(g.allowed) }

// Refused returns the types of keys in the groups that may not be used.
func (g *Gate) Refused(groups []sops.KeyGroup) (types []string) {
	for _, k := range slices.Concat(groups...) {
		if t := k.TypeToIdentifier(); !slices.Contains(g.allowed, t) && !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	return types
}

// Service returns the gate in the form that SOPS takes, for the keys of one file. It ends with ctx. The
// clock stops while a key waits for its turn, and failed collects the errors of keys that could not be
// used; both may be nil.
func (g *Gate) Service(ctx context.Context, clock *Clock, failed *Failures) []keyservice.KeyServiceClient {
	s := service{gate: g, ctx: ctx, clock: clock, failed: failed}
	return []keyservice.KeyServiceClient{keyservice.NewCustomLocalClient(s)}
}

// service is the gate for the keys of one file.
type service struct {
	keyservice.Server
	gate   *Gate
	ctx    context.Context // SOPS passes none on
	clock  *Clock          // may be nil
	failed *Failures       // may be nil
}

// Failures are what came of the keys that could not be used. They are read when SOPS has ended.
type Failures struct {
	mu sync.Mutex
	// ByType are SOPS's errors by the type of the key. They may quote file names and command
	// lines, so they must not be shown.
	ByType map[string][]string
	// Refused are the data keys that were not used, because something is wrong with them.
	Refused []Refusal
}

// Refusal is an encrypted data key that was not used.
type Refusal struct {
	Type string // of the key that it is encrypted for
	Name string // the public name of that key, empty where it is the address of a server
	What string // is wrong with it: "holds more than a data key"
}

func (f *Failures) add(key *keyservice.Key, err error) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if what, ok := errors.AsType[refusal](err); ok {
		f.Refused = append(f.Refused, Refusal{typeOf(key), nameOf(key), string(what)})
		return
	}
	if f.ByType == nil {
		f.ByType = map[string][]string{}
	}
	f.ByType[typeOf(key)] = append(f.ByType[typeOf(key)], err.Error())
}

// Decrypt implements keyservice.KeyServiceServer.
func (s service) Decrypt(_ context.Context, r *keyservice.DecryptRequest) (answer *keyservice.DecryptResponse, err error) {
	if !slices.Contains(s.gate.allowed, typeOf(r.GetKey())) {
		return nil, errRefused
	}
	if err := s.ctx.Err(); err != nil {
		return nil, err
	}
	if slices.Contains(Local(), typeOf(r.GetKey())) {
		release, err := s.gate.turn.take(s.ctx, s.clock)
		if err != nil {
			return nil, err
		}
		defer release()
	}
	defer func() {
		if recover() != nil { // as with an empty SOPS_AGE_KEY_CMD: the file is not what is wrong
			err = errPanic
		}
		if err != nil {
			s.failed.add(r.GetKey(), err)
		}
	}()
	return s.unwrap(s.ctx, r)
}

// Encrypt implements keyservice.KeyServiceServer.
func (s service) Encrypt(_ context.Context, r *keyservice.EncryptRequest) (*keyservice.EncryptResponse, error) {
	if !slices.Contains(s.gate.allowed, typeOf(r.GetKey())) {
		return nil, errRefused
	}
	return s.wrap(s.ctx, r)
}

// typeOf names a key's type. Unknown types are never allowed.
func typeOf(k *keyservice.Key) string {
	switch k.GetKeyType().(type) {
	case *keyservice.Key_AgeKey:
		return "age"
	case *keyservice.Key_PgpKey:
		return "pgp"
	case *keyservice.Key_KmsKey:
		return "kms"
	case *keyservice.Key_GcpKmsKey:
		return "gcp_kms"
	case *keyservice.Key_AzureKeyvaultKey:
		return "azure_kv"
	case *keyservice.Key_VaultKey:
		return "hc_vault"
	case *keyservice.Key_HckmsKey:
		return "hckms"
	}
	return ""
}

// nameOf is a key's public name, or "" where that is the address of a server.
func nameOf(key *keyservice.Key) string {
	switch k := key.GetKeyType().(type) {
	case *keyservice.Key_AgeKey:
		return k.AgeKey.Recipient
	case *keyservice.Key_PgpKey:
		return pgp.NewMasterKeyFromFingerprint(k.PgpKey.Fingerprint).ToString()
	}
	return ""
}
