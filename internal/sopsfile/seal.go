package sopsfile

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/aes"
	"github.com/getsops/sops/v3/cmd/sops/common"
	"github.com/getsops/sops/v3/cmd/sops/formats"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/keyservice"
	"github.com/getsops/sops/v3/version"
	"github.com/secretsync/secretsync/internal/secret"
)

// ErrNoRule says that no .sops.yaml has a rule for the files asked about.
var ErrNoRule = errors.New("no .sops.yaml has a rule for it")

// sealedKey is where a sealed value stands in its SOPS document.
const sealedKey = "key"

// Seal encrypts a value as a SOPS document in JSON, for the recipients that the
// project's .sops.yaml names for the first of the target files that it has a rule
// for; it is looked for in dir and above. It returns the document and the
// recipients, which are public. No private key is needed. Without a rule the error
// is [ErrNoRule].
func (o *Opener) Seal(_ context.Context, v secret.Value, dir string, targets ...string) (doc []byte, recipients []string, err error) {
	defer func() {
		if recover() != nil {
			doc, err = nil, errors.New("SOPS cannot use .sops.yaml")
		}
	}()
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, nil, err
	}
	found, err := config.LookupConfigFile(filepath.Join(dir, "x"))
	if err != nil {
		return nil, nil, ErrNoRule
	}
	rule, err := o.rule(found.Path, targets)
	if err != nil {
		return nil, nil, err
	}
	for _, group := range rule.KeyGroups {
		for _, k := range group {
			recipients = append(recipients, k.TypeToIdentifier()+" "+k.ToString())
		}
	}
	doc, err = o.seal(v, rule, found.Path)
	return doc, recipients, err
}

// rule finds the first creation rule that is for one of the targets.
func (o *Opener) rule(path string, targets []string) (*config.Config, error) {
	for _, target := range targets {
		target, err := filepath.Abs(target)
		if err != nil {
			return nil, err
		}
		rule, err := config.LoadCreationRuleForFile(path, target, nil)
		switch {
		case err != nil && strings.Contains(err.Error(), "no matching creation rules found"):
		case err != nil:
			return nil, fail(path, "sops itself says what is wrong: sops encrypt FILE", "cannot be used")
		case rule != nil && len(rule.KeyGroups) > 0 && len(rule.KeyGroups[0]) > 0:
			return rule, nil
		}
	}
	return nil, ErrNoRule
}

func (o *Opener) seal(v secret.Value, rule *config.Config, path string) ([]byte, error) {
	tree := sops.Tree{
		Branches: sops.TreeBranches{{{Key: sealedKey, Value: string(v.Reveal())}}},
		// Everything in the document is encrypted, whatever the rule's expressions say.
		Metadata: sops.Metadata{
			KeyGroups: rule.KeyGroups, ShamirThreshold: rule.ShamirThreshold, EncryptedRegex: "^" + sealedKey + "$", Version: version.Version,
		},
	}
	service := o.keyService()
	dataKey, errs := tree.GenerateDataKeyWithKeyServices([]keyservice.KeyServiceClient{service})
	if refused := service.refusedTypes(); len(refused) > 0 {
		return nil, fail(path, "allow them with --sops-key-types, or set SECRETSYNC_FINGERPRINT_KEY",
			"names keys of types that are not used unasked: %s", strings.Join(refused, ", "))
	}
	if len(errs) > 0 {
		return nil, fail(path, "try sops encrypt with the same rule", "names recipients that nothing can be encrypted for")
	}
	if err := common.EncryptTree(common.EncryptTreeOpts{DataKey: dataKey, Tree: &tree, Cipher: aes.NewCipher()}); err != nil {
		return nil, fail(path, "", "SOPS cannot encrypt")
	}
	doc, err := common.StoreForFormat(formats.Json, config.NewStoresConfig()).EmitEncryptedFile(tree)
	if err != nil {
		return nil, fail(path, "", "SOPS cannot encrypt")
	}
	return doc, nil
}

// Unseal decrypts what [Opener.Seal] made. name is the file that holds it, for
// messages.
func (o *Opener) Unseal(ctx context.Context, doc []byte, name string) (secret.Value, error) {
	f, err := o.Open(name+".json", doc)
	if err != nil {
		return secret.Value{}, err
	}
	f.name, f.places = name, nil // places within the document are none in the file
	return f.Value(ctx, []string{sealedKey})
}
