package sopsfile_test

import (
	"errors"
	"testing"

	"github.com/getsops/sops/v3"
	"github.com/secretsync/secretsync/internal/sopsfile"
)

// Ciphertext at a place that SOPS leaves in plaintext was pasted there, and this is known without a
// key. SOPS itself decides here which places those are.
func TestPastedCiphertext(t *testing.T) {
	const pasted = "ENC[AES256_GCM,data:AAAA,iv:AAAA,tag:AAAA,type:str]"
	const plain = "value: \"" + pasted + "\"\nname_unencrypted: \"" + pasted + "\"\nvalue_enc: {name: \"" + pasted + "\", \"1\": {name: \"" + pasted + "\"}}\n" +
		"list: [\"" + pasted + "\", {value: \"" + pasted + "\"}]\n"
	paths := []string{"value", "name_unencrypted", "value_enc.name", "value_enc.1.name", "list.0", "list.1.value"}
	recipient := newKey(t)
	for name, rule := range map[string]func(*sops.Metadata){
		"unencrypted suffix": func(*sops.Metadata) {}, // the default
		"encrypted suffix":   func(m *sops.Metadata) { m.EncryptedSuffix = "_enc" },
		"unencrypted regex":  func(m *sops.Metadata) { m.UnencryptedRegex = "^name" },
		"encrypted regex":    func(m *sops.Metadata) { m.EncryptedRegex = "^(value|1)$" },
		"index":              func(m *sops.Metadata) { m.EncryptedRegex = "^0$" },
		"all in clear":       func(m *sops.Metadata) { m.UnencryptedRegex = "." },
	} {
		f := open(t, "a.yaml", encrypt(t, "a.yaml", plain, recipient, rule))
		inClearHere := 0
		for _, path := range paths {
			v, err := f.Value(t.Context(), keys(path))
			inClear := err != nil
			if !inClear && string(v.Reveal()) != pasted {
				t.Fatalf("%s: %s is not what was encrypted", name, path)
			}
			if inClear {
				inClearHere++
			}
			_, err = f.Entry(keys(path))
			var e *sopsfile.Error
			switch {
			case inClear != errors.As(err, &e):
				t.Errorf("%s: %s in clear: %v, but without a key: %v", name, path, inClear, err)
			case inClear && e.Kind != sopsfile.NotEncrypted:
				t.Errorf("%s: %s: %v", name, path, err)
			}
		}
		if inClearHere == 0 {
			t.Errorf("%s: everything is encrypted, so that this case shows nothing", name)
		}
	}
}
