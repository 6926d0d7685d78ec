package sopsfile_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/sopsfile"
)

// FuzzOpen gives hostile files to everything that needs no key, and to decryption with the
// wrong key. Nothing may panic, or return an error that is not ours.
func FuzzOpen(f *testing.F) {
	recipient := identity(f).Recipient().String()
	names := []string{"a.yaml", "a.json", "a.env", "a.ini", "a.pem"}
	for i, plain := range []string{"# c\na: x\nb:\n  - y\n  - {c: 1}\n", `{"a":"x","b":["y",{"c":1}]}`, "# c\na=x\nb=\n", "k = v\n[b]\na = x\n", "x"} {
		f.Add(uint8(i), encrypt(f, names[i], plain, recipient), "b.1.c")
	}
	o, err := sopsfile.New(sopsfile.Options{KeyTypes: []string{"hckms"}}) // so that no program and no server is contacted
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, format uint8, data []byte, path string) {
		name := names[int(format)%len(names)]
		check := func(err error) {
			if e := new(sopsfile.Error); err != nil && (!errors.As(err, &e) || len(e.Mistakes) == 0 || e.Kind == "") {
				t.Errorf("%T: %v", err, err)
			}
		}
		file, err := o.Open(name, data)
		check(err)
		if err != nil {
			return
		}
		for _, path := range [][]string{nil, keys(path), {path}, {"data"}} {
			e, err := file.Entry(path)
			check(err)
			if err == nil && (e.Pos.File != name || (e.Digest == "") != (e.Type == "") || e.Digest != "" && !strings.HasPrefix(e.Digest, "sha256:")) {
				t.Errorf("%q: %+v", path, e)
			}
			if bytes.Contains(data, []byte("hckms")) {
				continue
			}
			v, err := file.Value(t.Context(), path)
			check(err)
			if v.IsSet() {
				t.Errorf("%q: decrypted without a key", path)
			}
		}
	})
}
