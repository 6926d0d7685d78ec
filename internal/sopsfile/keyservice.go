package sopsfile

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/keys"
	"github.com/getsops/sops/v3/keyservice"
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
	allowed []string
	failed  *failures // may be nil
}

// failures are SOPS's errors by the type of the key that was tried. They may quote file names
// and command lines, so nothing of them is shown.
type failures struct {
	mu     sync.Mutex
	byType map[string][]string
}

func (f *failures) add(keyType, text string) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byType == nil {
		f.byType = map[string][]string{}
	}
	f.byType[keyType] = append(f.byType[keyType], text)
}

// Decrypt implements keyservice.KeyServiceServer.
func (g gate) Decrypt(ctx context.Context, r *keyservice.DecryptRequest) (answer *keyservice.DecryptResponse, err error) {
	t := typeOf(r.GetKey())
	if !slices.Contains(g.allowed, t) {
		return nil, errRefused
	}
	defer func() {
		if recover() != nil { // as with an empty SOPS_AGE_KEY_CMD: the file is not what is wrong
			err = errPanic
		}
		if err != nil {
			g.failed.add(t, err.Error())
		}
	}()
	return g.Server.Decrypt(ctx, r)
}

// Encrypt implements keyservice.KeyServiceServer.
func (g gate) Encrypt(ctx context.Context, r *keyservice.EncryptRequest) (*keyservice.EncryptResponse, error) {
	if !slices.Contains(g.allowed, typeOf(r.GetKey())) {
		return nil, errRefused
	}
	return g.Server.Encrypt(ctx, r)
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

func (o *Opener) services(failed *failures) []keyservice.KeyServiceClient {
	return []keyservice.KeyServiceClient{keyservice.NewCustomLocalClient(gate{allowed: o.allowed, failed: failed})}
}

func (o *Opener) dataKey(tree *sops.Tree, failed *failures) ([]byte, error) {
	return tree.Metadata.GetDataKeyWithKeyServices(o.services(failed), order)
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
