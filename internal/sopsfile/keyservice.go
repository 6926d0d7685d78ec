package sopsfile

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/getsops/sops/v3"
	sopsage "github.com/getsops/sops/v3/age"
	"github.com/getsops/sops/v3/keys"
	"github.com/getsops/sops/v3/keyservice"
	"github.com/getsops/sops/v3/pgp"
)

// order has the keys tried first that ask no server: SOPS's library takes the
// file's order, in which probing for a cloud costs seconds (docs/sops.md §3).
var order = []string{"age", "pgp"}

// For SOPS alone.
var (
	errRefused = errors.New("key type not allowed")
	errPanic   = errors.New("the key cannot be used")
)

// gate lets SOPS use the keys of allowed types, and nothing be contacted for others.
type gate struct {
	keyservice.Server
	opener *Opener
	ctx    context.Context // SOPS passes none on
	clock  *clock          // may be nil
	failed *failures       // may be nil
}

// failures are what came of the keys that could not be used.
type failures struct {
	mu sync.Mutex
	// byType are SOPS's errors by the type of the key. They may quote file names and command
	// lines, so nothing of them is shown.
	byType map[string][]string
	// refused says what is wrong with data keys that were not used.
	refused []string
}

func (f *failures) add(key *keyservice.Key, err error) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if what, ok := errors.AsType[refusal](err); ok {
		f.refused = append(f.refused, "the data key for "+named(key)+" "+string(what))
		return
	}
	if f.byType == nil {
		f.byType = map[string][]string{}
	}
	f.byType[typeOf(key)] = append(f.byType[typeOf(key)], err.Error())
}

// Decrypt implements keyservice.KeyServiceServer.
func (g gate) Decrypt(_ context.Context, r *keyservice.DecryptRequest) (answer *keyservice.DecryptResponse, err error) {
	if !slices.Contains(g.opener.allowed, typeOf(r.GetKey())) {
		return nil, errRefused
	}
	if err := g.ctx.Err(); err != nil {
		return nil, err
	}
	if slices.Contains(order, typeOf(r.GetKey())) {
		release, err := g.opener.turn.take(g.ctx, g.clock)
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
			g.failed.add(r.GetKey(), err)
		}
	}()
	return g.unwrap(g.ctx, r)
}

// Encrypt implements keyservice.KeyServiceServer.
func (g gate) Encrypt(_ context.Context, r *keyservice.EncryptRequest) (*keyservice.EncryptResponse, error) {
	if !slices.Contains(g.opener.allowed, typeOf(r.GetKey())) {
		return nil, errRefused
	}
	return g.wrap(g.ctx, r)
}

// typeOf names a key's type; one that is not known here is never allowed.
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

// named is a key's type, and its public name where that is not the address of a server.
func named(key *keyservice.Key) string {
	switch k := key.GetKeyType().(type) {
	case *keyservice.Key_AgeKey:
		return recipient(&sopsage.MasterKey{Recipient: k.AgeKey.Recipient})
	case *keyservice.Key_PgpKey:
		return recipient(pgp.NewMasterKeyFromFingerprint(k.PgpKey.Fingerprint))
	}
	return typeOf(key)
}

// service is a gate for sealing.
func (o *Opener) service(ctx context.Context) []keyservice.KeyServiceClient {
	return gate{opener: o, ctx: ctx}.client()
}

func (g gate) client() []keyservice.KeyServiceClient {
	return []keyservice.KeyServiceClient{keyservice.NewCustomLocalClient(g)}
}

// refused are the types in the groups that are not allowed.
func (o *Opener) refused(groups []sops.KeyGroup) (types []string) {
	for _, k := range slices.Concat(groups...) {
		if t := k.TypeToIdentifier(); !slices.Contains(o.allowed, t) && !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	return types
}

// recipient is a key's type and public name, cut where it is as long as
// post-quantum ones are.
func recipient(k keys.MasterKey) string {
	const most = 100
	name := strings.ToValidUTF8(k.ToString(), "?")
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "..."
	}
	return k.TypeToIdentifier() + " " + shown([]string{name})
}
