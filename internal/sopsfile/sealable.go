package sopsfile

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"filippo.io/age"
	"github.com/getsops/sops/v3"
	sopsage "github.com/getsops/sops/v3/age"
	"github.com/getsops/sops/v3/keys"
	"github.com/secretsync/secretsync/internal/sopsfile/keygate"
	"github.com/secretsync/secretsync/internal/syntax"
)

// CheckSeal returns the error that [Opener.Seal] would, as far as that is known without
// asking a server and without running the plugin of an age recipient. gpg is run for PGP
// keys, unless static is set: then only the file is checked.
func (o *Opener) CheckSeal(ctx context.Context, static bool, root, dir string, targets ...string) error {
	f, m, err := o.recipients(root, dir, targets)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := f.checkKeys(m); err != nil {
		return err
	}
	if static {
		return nil
	}
	return f.checkRecipients(ctx, m)
}

// Recipients are the recipients that a .sops.yaml names for a file.
type Recipients struct {
	// Rules is the .sops.yaml; "" if there is none in the file's folder or above it.
	Rules string
	// Keys are all of them, each as its type and public name, such as "age age1…".
	Keys []string
	// Age are the age recipients.
	Age []string
}

// RecipientsOf returns the recipients that [Opener.Create] would encrypt a file for, after the
// checks that need no server. A missing .sops.yaml is not an error; if there is one without a rule
// for the file, the error is [ErrNoRule]. root is as for [Opener.Seal].
func (o *Opener) RecipientsOf(ctx context.Context, root, name string) (Recipients, error) {
	rules, rule, err := o.ruleFor(root, filepath.Dir(name), []string{name})
	if rules == nil && errors.Is(err, ErrNoRule) {
		return Recipients{}, nil
	}
	if rules == nil {
		return Recipients{}, err
	}
	found := Recipients{Rules: rules.name}
	if err != nil {
		return found, err
	}
	m := metadata(rule)
	if err := rules.checkKeys(m); err != nil {
		return found, err
	}
	if err := rules.checkRecipients(ctx, m); err != nil {
		return found, err
	}
	for _, group := range m.KeyGroups {
		found.add(group)
	}
	return found, nil
}

func (r *Recipients) add(group sops.KeyGroup) {
	for _, k := range group {
		r.Keys = append(r.Keys, recipient(k))
		if a, ok := k.(*sopsage.MasterKey); ok {
			r.Age = append(r.Age, a.Recipient)
		}
	}
}

// CheckAge reports whether a text is an age recipient that SOPS can encrypt for.
func CheckAge(recipient string) bool {
	_, err := sopsage.MasterKeyFromRecipient(recipient)
	return err == nil
}

// checkKeys checks what can be known of the keys without using them.
func (f *File) checkKeys(m sops.Metadata) error {
	n := (&sops.Metadata{KeyGroups: m.KeyGroups}).MasterKeyCount()
	groups := len(m.KeyGroups)
	switch refused := f.opener.gate.Refused(m.KeyGroups); {
	case len(refused) > 0:
		return f.failTypes(KeyTypeRefused, refused, f.ownRule(), "names key types that are not allowed: %s", strings.Join(refused, ", "))
	case n == 0:
		return fail(Malformed, f.whole(), f.ownRule(), "names no recipients for %s", f.target())
	case n > maxKeys: // gpg runs for each of PGP
		return fail(Malformed, f.whole(), "", "names %d keys, and %d are allowed", n, maxKeys)
	case groups > 1 && m.ShamirThreshold > groups:
		return fail(Malformed, f.whole(), "", "has a shamir_threshold of %d for %d key groups", m.ShamirThreshold, groups)
	}
	return nil
}

// target is the file that a key is sealed in, for messages.
func (f *File) target() string {
	if f.sealed == "" {
		return "it"
	}
	return f.sealed
}

// ownRule says how the fingerprint key can be kept without what the rule at hand names, or
// what else to do where it is not about that key.
func (f *File) ownRule() string {
	if f.sealed == "" {
		return "change the recipients"
	}
	return "give the lockfile its own rule before the others, with age recipients and path_regex: " +
		regexp.QuoteMeta(f.sealed) + "$; or set SECRETSYNC_FINGERPRINT_KEY"
}

// checkRecipients checks that something can be encrypted for every key that is on this
// machine.
func (f *File) checkRecipients(ctx context.Context, m sops.Metadata) error {
	for _, k := range slices.Concat(m.KeyGroups...) {
		if plugin := pluginOf(k); plugin != "" {
			if _, err := exec.LookPath(plugin); err != nil {
				return fail(Malformed, f.whole(), "install it; or "+f.ownRule(),
					"names the recipient %s, whose program %s is not installed", recipient(k), plugin)
			}
			continue
		}
		if local(k) && !f.canEncrypt(ctx, k) {
			return f.unusable(k)
		}
	}
	return nil
}

// local reports whether a key is used without asking a server.
func local(k keys.MasterKey) bool { return slices.Contains(keygate.Local(), k.TypeToIdentifier()) }

// pluginOf returns the program of an age recipient that needs one, or "".
func pluginOf(k keys.MasterKey) string {
	a, ok := k.(*sopsage.MasterKey)
	if !ok {
		return ""
	}
	// A plugin's recipient is age1NAME1DATA. The native ones are age1DATA and age1pq1DATA.
	name, _, ok := strings.Cut(strings.TrimPrefix(a.Recipient, "age1"), "1")
	_, err := age.ParseX25519Recipient(a.Recipient)
	if !ok || err == nil || !strings.HasPrefix(a.Recipient, "age1") || slices.Contains([]string{"pq", "tag", "tagpq"}, name) {
		return ""
	}
	return "age-plugin-" + name
}

// canEncrypt tries a key alone.
func (f *File) canEncrypt(ctx context.Context, k keys.MasterKey) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	tree := sops.Tree{Metadata: sops.Metadata{KeyGroups: []sops.KeyGroup{{k}}}}
	_, errs := tree.GenerateDataKeyWithKeyServices(f.opener.gate.Service(ctx, nil, nil))
	return len(errs) == 0
}

// cannotSeal says for which of the keys nothing can be encrypted.
func (f *File) cannotSeal(ctx context.Context, m sops.Metadata) error {
	for _, k := range slices.Concat(m.KeyGroups...) {
		if local(k) && !f.canEncrypt(ctx, k) {
			return f.unusable(k)
		}
	}
	return fail(Malformed, f.whole(), "sops encrypt says why; "+f.ownRule(), "names keys that nothing can be encrypted for")
}

func (f *File) unusable(k keys.MasterKey) error {
	if k.TypeToIdentifier() == "pgp" {
		return fail(Malformed, f.whole(), "import its public key with gpg; or "+f.ownRule(),
			"names the key %s, which gpg cannot encrypt for", recipient(k))
	}
	return fail(Malformed, f.whole(), f.ownRule(), "names the recipient %s, for which nothing can be encrypted", recipient(k))
}

// ruleMistakes finds the places of what SOPS cannot use in a .sops.yaml. SOPS reads more
// than package syntax does, so this is only for a file that SOPS has refused.
func (f *File) ruleMistakes() (mistakes syntax.ErrorList) {
	data, err := os.ReadFile(f.name)
	if err != nil {
		return nil
	}
	root, found := syntax.ParseFullYAML(f.name, data)
	if root == nil {
		return found
	}
	rules := root.Get("creation_rules")
	if rules == nil {
		return nil
	}
	for _, rule := range rules.Items {
		if pattern := rule.Get("path_regex"); pattern != nil {
			if _, err := regexp.Compile(pattern.Text); err != nil {
				mistakes.Add(pattern.Pos, "a file name is matched by its end, as in "+`secrets/.*\.yaml$`,
					"path_regex is not a regular expression")
			}
		}
		mistakes = append(mistakes, ageMistakes(rule.Get("age"))...)
		if groups := rule.Get("key_groups"); groups != nil {
			for _, group := range groups.Items {
				mistakes = append(mistakes, ageMistakes(group.Get("age"))...)
			}
		}
	}
	return mistakes
}

// ageMistakes checks age recipients, given as a list or as a text with commas.
func ageMistakes(n *syntax.Node) (mistakes syntax.ErrorList) {
	if n == nil {
		return nil
	}
	for _, item := range append([]*syntax.Node{n}, n.Items...) {
		for one := range strings.SplitSeq(item.Text, ",") {
			if one = strings.TrimSpace(one); one == "" {
				continue
			}
			if _, err := sopsage.MasterKeyFromRecipient(one); err != nil {
				mistakes.Add(item.Pos, "age-keygen -y KEYFILE prints one", "not an age recipient")
			}
		}
	}
	return mistakes
}
