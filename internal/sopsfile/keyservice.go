package sopsfile

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/getsops/sops/v3/keyservice"
	"google.golang.org/grpc"
)

// decryptionOrder has the keys that ask no server tried first: the library's own
// order is the file's, and a cloud key before an age key costs seconds of probing
// (FACTS.md 1.3).
var decryptionOrder = []string{"age", "pgp"}

// errKeyType is what SOPS hears; it is not shown.
var errKeyType = errors.New("key type not allowed")

// keyService is SOPS's way to its keys. It refuses key types that are not allowed
// before anything is contacted: a file from a pull request names its key servers
// itself, and they would be sent the runner's credentials (FACTS.md 0.1).
type keyService struct {
	keyservice.LocalClient
	allowed []string

	mu      sync.Mutex
	refused []string
	tried   int
}

func (o *Opener) keyService() *keyService {
	return &keyService{LocalClient: keyservice.NewLocalClient(), allowed: o.keyTypes}
}

// Decrypt implements keyservice.KeyServiceClient.
func (s *keyService) Decrypt(ctx context.Context, req *keyservice.DecryptRequest, opts ...grpc.CallOption) (*keyservice.DecryptResponse, error) {
	if !s.allows(req.GetKey()) {
		return nil, errKeyType
	}
	return s.LocalClient.Decrypt(ctx, req, opts...)
}

// Encrypt implements keyservice.KeyServiceClient.
func (s *keyService) Encrypt(ctx context.Context, req *keyservice.EncryptRequest, opts ...grpc.CallOption) (*keyservice.EncryptResponse, error) {
	if !s.allows(req.GetKey()) {
		return nil, errKeyType
	}
	return s.LocalClient.Encrypt(ctx, req, opts...)
}

func (s *keyService) allows(k *keyservice.Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tried++
	t := keyType(k)
	if slices.Contains(s.allowed, t) {
		return true
	}
	s.refused = append(s.refused, t)
	return false
}

func (s *keyService) refusedTypes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.refused)
}

func (s *keyService) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tried
}

// keyType names a key's type as SOPS's own options do. One that this version
// doesn't know is never allowed.
func keyType(k *keyservice.Key) string {
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
	return "unknown"
}
