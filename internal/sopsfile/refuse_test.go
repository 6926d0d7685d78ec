package sopsfile_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/hcvault"
	"github.com/getsops/sops/v3/kms"
	"github.com/getsops/sops/v3/logging"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/internal/sopsfile/sopstest"
)

// canary stands for every plaintext, and is in no error.
const canary = "hunter2-CANARY"

func wantKind(t *testing.T, err error, kind sopsfile.Kind) {
	t.Helper()
	var e *sopsfile.Error
	if !errors.As(err, &e) || e.Kind != kind {
		t.Errorf("%v: not of the kind %q", err, kind)
	}
}

func TestOpenRefuses(t *testing.T) {
	recipient := newKey(t)
	yaml := string(encrypt(t, "a.yaml", "a: "+canary+"\n", recipient))
	json := string(encrypt(t, "a.json", `{"a":"`+canary+`"}`, recipient))
	env := string(encrypt(t, "a.env", "A="+canary+"\n", recipient))
	for name, c := range map[string]struct {
		file, data string
		kind       sopsfile.Kind
		words      string
	}{
		"YAML in clear":       {"a.yaml", "a: " + canary, sopsfile.NotSOPS, "a.yaml: is not encrypted with SOPS (encrypt it: sops encrypt -i a.yaml)"},
		"large YAML in clear": {"a.yaml", "a: b # " + strings.Repeat("x", 65<<20), sopsfile.NotSOPS, "not encrypted"},
		"JSON in clear":       {"a.json", `{"a":"` + canary + `"}`, sopsfile.NotSOPS, "not encrypted"},
		"dotenv in clear":     {"a.env", "A=" + canary, sopsfile.NotSOPS, "not encrypted"},
		"INI in clear":        {"a.ini", "[s]\na = " + canary, sopsfile.NotSOPS, "not encrypted"},
		"binary in clear":     {"a.pem", canary, sopsfile.NotSOPS, "not encrypted"},
		"binary JSON":         {"a.pem", `{"a":"` + canary + `"}`, sopsfile.NotSOPS, "not encrypted"},
		"sops is a string":    {"a.yaml", "a: b\nsops: " + canary, sopsfile.NotSOPS, "not encrypted"},
		"empty YAML":          {"a.yaml", "", sopsfile.Malformed, "is empty"},
		"empty dotenv":        {"a.env", "", sopsfile.NotSOPS, "not encrypted"},
		"YAML syntax":         {"a.yaml", "a: b\nc: [" + canary, sopsfile.Malformed, "a.yaml:2:"},
		"JSON syntax":         {"a.json", `{"a":"` + canary, sopsfile.Malformed, "a.json:1:"},
		"data after JSON":     {"a.json", json + "{}", sopsfile.Malformed, "more data"},
		"dotenv syntax":       {"a.env", env + canary + "\n", sopsfile.Malformed, "a line that is not KEY=VALUE"},
		"INI syntax":          {"a.ini", "[s]\na = `" + canary + "\n", sopsfile.Damaged, "a.ini: is damaged"},
		"list":                {"a.yaml", "- " + canary, sopsfile.Malformed, "a.yaml:1:1: is a list"},
		"several documents":   {"a.yaml", yaml + "---\nb: " + canary + "\n", sopsfile.Malformed, "a second YAML document"},
		"duplicate key":       {"a.json", strings.Replace(json, "{", `{"a":"`+canary+`",`, 1), sopsfile.Malformed, `duplicate key "a"`},
		"no keys":             {"a.yaml", "a: b\nsops: {mac: x, lastmodified: \"2026-01-01T00:00:00Z\"}\n", sopsfile.Damaged, "is damaged"},
		"metadata":            {"a.yaml", "a: b\nsops: {age: " + canary + "}\n", sopsfile.Damaged, "is damaged"},
		"git conflict":        {"a.yaml", "a: b\n<<<<<<< HEAD\nb: " + canary, sopsfile.Malformed, "a.yaml:2:1: an unresolved git conflict"},
		"half a git conflict": {"a.env", "A=b\n=======\nB=" + canary + "\n>>>>>>> x\n", sopsfile.Malformed, "a.env:2:1: an unresolved git conflict"},
		"too deep JSON":       {"a.json", strings.Repeat(`{"a":`, 1_000_000), sopsfile.Malformed, "a.json:"},
		"too deep YAML":       {"a.yaml", strings.Repeat("[", 1_000_000), sopsfile.Malformed, "a.yaml:"},
		"too deep dotenv":     {"a.env", "sops" + strings.Repeat("__map_a", 1_000_000) + "=x", sopsfile.Malformed, "nested more than"},
		"too many keys": {"a.json", `{"sops":{"lastmodified":"2026-01-01T00:00:00Z","age":[{}` + strings.Repeat(",{}", 100) + `]}}`,
			sopsfile.Malformed, "more than 100 keys"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := opener(t).Open(c.file, []byte(c.data))
			wantError(t, err, []string{c.file, c.words}, canary)
			wantKind(t, err, c.kind)
		})
	}
}

// For these values, Entry or Value says what is wrong, and where.
func TestValueRefuses(t *testing.T) {
	recipient := newKey(t)
	const plain = `number: 0123
float: 1.10
bool: true
date: 2024-01-02
empty: ""
nothing: null
map: {key: hunter2-CANARY, other: x}
list: [x, 12]
clear_unencrypted: hunter2-CANARY
like_unencrypted: "ENC[AES256_GCM,data:AAAA,iv:AAAA,tag:AAAA,type:str]"
broken_unencrypted: "ENC[AES256_GCM,data:AAAA]"
`
	f := open(t, "a.yaml", encrypt(t, "a.yaml", plain, recipient))
	for _, c := range []struct {
		path  string
		kind  sopsfile.Kind
		words string
	}{
		{"number", sopsfile.WrongType, "a.yaml:1:9: number was encrypted as an integer"},
		{"float", sopsfile.WrongType, "as a number"},
		{"bool", sopsfile.WrongType, "as a boolean"},
		{"date", sopsfile.WrongType, "as a date"},
		{"list.1", sopsfile.WrongType, "as an integer"},
		{"empty", sopsfile.Empty, "a.yaml:5:8: empty is empty"},
		{"nothing", sopsfile.Empty, "nothing is empty"},
		{"map", sopsfile.Missing, "map is a map or a list"},
		{"map.kye", sopsfile.Missing, `has no map.kye (known: "key", "other")`},
		{"nmber", sopsfile.Missing, `has no nmber (did you mean "number"?)`},
		{"number.a", sopsfile.Missing, "a.yaml:1:9: has no number.a"},
		{"list.2", sopsfile.Missing, "has no list.2"},
		{"list.-1", sopsfile.Missing, "has no list.-1"},
		{"list.00", sopsfile.Missing, "has no list.00"},
		{"sops.mac", sopsfile.Missing, "has no sops"},
		{"", sopsfile.Missing, "a.yaml: holds its values under keys, and the source names none (add a key to the source: it has number, float, bool,"},
		{"clear_unencrypted", sopsfile.NotEncrypted, "a.yaml:13:20: clear_unencrypted is not encrypted"},
		{"like_unencrypted", sopsfile.NotEncrypted, "like_unencrypted is not encrypted"},
		{"broken_unencrypted", sopsfile.Damaged, "the ciphertext of broken_unencrypted is damaged"},
	} {
		_, err := f.Value(t.Context(), keys(c.path))
		wantError(t, err, []string{c.words}, canary)
		wantKind(t, err, c.kind)
	}
}

// The key types are known without a key, and a caller that allows them can decrypt.
func TestTypes(t *testing.T) {
	plain := "n: 12\nf: 1.5\nb: false\nd: 2024-01-02\ns: text\nclear_unencrypted: 12\n"
	f := open(t, "a.yaml", encrypt(t, "a.yaml", plain, newKey(t)))
	for path, want := range map[string]struct{ kind, text string }{
		"n": {"int", "12"}, "f": {"float", "1.5"}, "b": {"bool", "False"}, "d": {"time", "2024-01-02T00:00:00Z"}, "s": {"str", "text"},
		"clear_unencrypted": {"", ""},
	} {
		e, err := f.Entry(keys(path))
		if err != nil || e.Type != want.kind || (e.Digest == "") != (want.kind == "") {
			t.Errorf("%s: %+v, %v; want the type %q", path, e, err, want.kind)
		}
		v, err := f.Scalar(t.Context(), keys(path))
		if want.kind == "" {
			wantKind(t, err, sopsfile.NotEncrypted)
		} else if err != nil || string(v.Reveal()) != want.text {
			t.Errorf("%s: %q, %v; want %q", path, v.Reveal(), err, want.text)
		}
	}
}

func TestWholeFileHasNoKeys(t *testing.T) {
	f := open(t, "a.pem", encrypt(t, "a.pem", canary, newKey(t)))
	for _, key := range []string{"a", "data"} {
		_, err := f.Entry([]string{key})
		wantError(t, err, []string{"a.pem: was encrypted as a whole, so it has no " + key, "leave the key out"}, canary)
		wantKind(t, err, sopsfile.Missing)
	}
}

func TestDuplicateKeys(t *testing.T) {
	env := encrypt(t, "a.env", "A=1\nA=2\nB=text\n", newKey(t))
	f := open(t, "a.env", env)
	_, err := f.Entry([]string{"A"})
	wantKind(t, err, sopsfile.Malformed)
	if v, err := f.Value(t.Context(), []string{"B"}); err != nil || string(v.Reveal()) != "text" {
		t.Errorf("another key: %v", err)
	}
}

func TestTampering(t *testing.T) {
	recipient := newKey(t)
	data := encrypt(t, "a.yaml", "a: "+canary+"1\nb: "+canary+"22\nc_unencrypted: x\nlist:\n  - "+canary+"\n", recipient)
	a, b, mac := ciphertext(t, data, "a:"), ciphertext(t, data, "b:"), ciphertext(t, data, "mac:")
	old := encrypt(t, "a.yaml", "a: "+canary+"1\n", recipient)
	swapped := replace(t, replace(t, replace(t, data, a, "A HOLE"), b, a), "A HOLE", b)
	for name, c := range map[string]struct {
		data  []byte
		kind  sopsfile.Kind
		words string
	}{
		"value in clear changed": {replace(t, data, "c_unencrypted: x", "c_unencrypted: y"), sopsfile.BadMAC, "a.yaml: does not match its MAC: it was changed outside sops"},
		"value in clear added":   {append([]byte("d_unencrypted: x\n"), data...), sopsfile.BadMAC, "MAC"},
		"value removed":          {replace(t, data, "a: "+a+"\n", ""), sopsfile.BadMAC, "MAC"},
		"no MAC":                 {replace(t, data, mac, `""`), sopsfile.BadMAC, "MAC"},
		"MAC in clear":           {replace(t, data, mac, canary), sopsfile.BadMAC, "MAC"},
		"MAC of another value":   {replace(t, data, mac, a), sopsfile.BadMAC, "MAC"},
		"time changed":           {replace(t, data, `lastmodified: "2`, `lastmodified: "3`), sopsfile.BadMAC, "MAC"},
		"swapped":                {swapped, sopsfile.Damaged, "a.yaml:1:4: the ciphertext of a was altered, or copied"},
		"copied":                 {replace(t, data, b, a), sopsfile.Damaged, "a.yaml:2:4: the ciphertext of b was"},
		"of another file":        {replace(t, data, a, ciphertext(t, old, "a:")), sopsfile.Damaged, "the ciphertext of a was"},
		"data changed":           {replace(t, data, a, strings.Replace(a, "data:", "data:AAAA", 1)), sopsfile.Damaged, "the ciphertext of a was"},
		"type changed":           {replace(t, data, b, strings.Replace(b, "type:str", "type:int", 1)), sopsfile.Damaged, "the ciphertext of b was"},
		"own type changed":       {replace(t, data, a, strings.Replace(a, "type:str", "type:int", 1)), sopsfile.WrongType, "a was encrypted as an integer"},
		"type bytes":             {replace(t, data, b, strings.Replace(b, "type:str", "type:bytes", 1)), sopsfile.Damaged, "a.yaml: is damaged"},
		"type comment":           {replace(t, data, b, strings.Replace(b, "type:str", "type:comment", 1)), sopsfile.BadMAC, "MAC"},
		"type unknown":           {replace(t, data, b, strings.Replace(b, "type:str", "type:xyz", 1)), sopsfile.Damaged, "the ciphertext of b was"},
		"cut":                    {replace(t, data, a, a[:len(a)-20]+"]"), sopsfile.Damaged, "a.yaml:1:4: the ciphertext of a is damaged"},
		"followed by something":  {replace(t, data, a, a+"x"), sopsfile.Damaged, "the ciphertext of a is damaged"},
		"another cut":            {replace(t, data, b, b[:len(b)-20]+"]"), sopsfile.Damaged, "a.yaml:2:4: the ciphertext of b was"},
		"in clear":               {replace(t, data, a, canary), sopsfile.NotEncrypted, "a.yaml:1:4: a is not encrypted"},
		"another in clear":       {replace(t, data, b, canary), sopsfile.NotEncrypted, "a.yaml:2:4: b is not encrypted, though the file's rules say so (if it is a secret, it is in git's history"},
		"list item in clear":     {replace(t, data, ciphertext(t, data, "- "), canary), sopsfile.NotEncrypted, "list.0 is not encrypted, though"},
		"number in clear":        {replace(t, data, b, "12"), sopsfile.Damaged, "a.yaml: is damaged: something in it"},
		"rules changed":          {replace(t, data, "unencrypted_suffix: _unencrypted", "unencrypted_regex: ^b$|_unencrypted$"), sopsfile.BadMAC, "MAC"},
		"two rules":              {replace(t, data, "sops:\n", "sops:\n    unencrypted_regex: ^b$\n"), sopsfile.Damaged, "a.yaml: is damaged"},
		"MAC narrowed":           {replace(t, data, "sops:\n", "sops:\n    mac_only_encrypted: true\n"), sopsfile.BadMAC, "MAC"},
		"key's armour damaged":   {replace(t, data, "-----BEGIN AGE", "-----BEGIN WAX"), sopsfile.NoKey, "no available key"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := opener(t).Open("a.yaml", c.data)
			if err == nil {
				_, err = f.Value(t.Context(), []string{"a"})
			}
			if name == "value removed" {
				_, err = f.Value(t.Context(), []string{"b"})
			}
			wantError(t, err, []string{c.words}, canary, "12 12 12")
			wantKind(t, err, c.kind)
		})
	}
}

// SOPS dereferences fields that a file may omit.
func TestPanicIsAnError(t *testing.T) {
	data := encrypt(t, "a.yaml", "a: "+canary+"\n", newKey(t))
	k := kmsKey()
	k.EncryptionContext = map[string]*string{"x": nil}
	_, err := read(t, "a.yaml", withGroups(t, "a.yaml", data, []sops.KeyGroup{{k}}), "a")
	wantError(t, err, []string{"a.yaml: is damaged"}, canary, "nil pointer")
	wantKind(t, err, sopsfile.Damaged)
}

// Names in the metadata are chosen by the file's author, so they are shown only as text.
func TestWrongKey(t *testing.T) {
	theirs := identity(t).Recipient().String()
	data := encrypt(t, "a.yaml", "a: "+canary+"\n", theirs)
	sopstest.OnlyKey(t, identity(t).String())
	planted := bytes.ReplaceAll(data, []byte(theirs), []byte(`"age1\e[2J\n::error::x`+strings.Repeat("y", 1000)+`"`))
	_, err := read(t, "a.yaml", planted, "a")
	wantKind(t, err, sopsfile.NoKey)
	if strings.ContainsAny(err.Error(), "\x1b\n") || strings.Contains(err.Error(), strings.Repeat("y", 200)) {
		t.Errorf("a planted name is shown as it is: %q", err)
	}
}

// listen counts connections to an address that nothing should connect to.
func listen(t *testing.T) (url string, connections *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	connections = new(atomic.Int32)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			_, _ = io.WriteString(c, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return "http://" + l.Addr().String(), connections
}

// vaultKey and kmsKey are keys such as a hostile file has.
func vaultKey(url string) *hcvault.MasterKey {
	k := hcvault.NewMasterKey(url, "transit", "k")
	k.EncryptedKey = "vault:v1:AAAA"
	return k
}

func kmsKey() *kms.MasterKey {
	k := kms.NewMasterKey("arn:aws:kms:us-east-1:123456789012:key/k", "", nil)
	k.EncryptedKey = "AAAA"
	return k
}

// No key server that a file names is contacted (docs/sops.md §1).
func TestKeyServersAreNotContacted(t *testing.T) {
	id := identity(t)
	recipient := id.Recipient().String()
	url, connections := listen(t)
	plant := func(groups ...sops.KeyGroup) []byte {
		data := encrypt(t, "a.yaml", "a: "+canary+"\n", recipient)
		return withGroups(t, "a.yaml", data, groups)
	}
	for name, c := range map[string]struct {
		data  []byte
		kind  sopsfile.Kind
		words []string
		types string
	}{
		"Vault alone": {plant(sops.KeyGroup{vaultKey(url)}), sopsfile.KeyTypeRefused, []string{"hc_vault"}, "age,pgp,hc_vault"},
		"two types":   {plant(sops.KeyGroup{vaultKey(url), kmsKey()}), sopsfile.KeyTypeRefused, []string{"kms, hc_vault"}, "age,pgp,kms,hc_vault"},
		"groups":      {plant(sops.KeyGroup{vaultKey(url)}, sops.KeyGroup{kmsKey()}), sopsfile.KeyTypeRefused, []string{"hc_vault", "kms"}, "age,pgp,hc_vault,kms"},
		"beside age": {plant(append(sops.KeyGroup{vaultKey(url), kmsKey()}, group(t, recipient)...)), sopsfile.NoKey,
			[]string{"no available key", recipient}, "age,pgp,kms,hc_vault"},
	} {
		t.Run(name, func(t *testing.T) {
			sopstest.OnlyKey(t, "")
			t.Setenv("VAULT_TOKEN", canary)
			t.Setenv("VAULT_ADDR", url)
			t.Setenv("AWS_ENDPOINT_URL", url)
			t.Setenv("AWS_ACCESS_KEY_ID", "x")
			t.Setenv("AWS_SECRET_ACCESS_KEY", canary)
			_, err := read(t, "a.yaml", c.data, "a")
			wantError(t, err, c.words, canary)
			wantKind(t, err, c.kind)
			wantTypes(t, err, c.types)
		})
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections to a server that a file named", n)
	}

	// The test would see a connection: with the type allowed, the server is contacted.
	f, err := opener(t, "hc_vault").Open("a.yaml", plant(sops.KeyGroup{vaultKey(url)}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Value(t.Context(), []string{"a"})
	wantKind(t, err, sopsfile.NoKey)
	if connections.Load() == 0 {
		t.Error("an allowed key server was not asked")
	}
}

// An available age key decrypts without trying the other keys.
func TestAgeComesFirst(t *testing.T) {
	id := identity(t)
	sopstest.OnlyKey(t, id.String())
	url, connections := listen(t)
	data := encrypt(t, "a.yaml", "a: text\n", id.Recipient().String())
	tree := load(t, "a.yaml", data)
	data = withGroups(t, "a.yaml", data, []sops.KeyGroup{append(sops.KeyGroup{vaultKey(url)}, tree.Metadata.KeyGroups[0]...)})
	f, err := opener(t, "hc_vault", "age").Open("a.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := f.Value(t.Context(), []string{"a"}); err != nil || string(v.Reveal()) != "text" {
		t.Error(err)
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections to the key server", n)
	}
}

func TestUnknownKeyType(t *testing.T) {
	_, err := sopsfile.New(sopsfile.Options{KeyTypes: []string{"age", "gpg"}})
	if err == nil || !strings.Contains(err.Error(), `"gpg" is not a SOPS key type`) || !strings.Contains(err.Error(), "pgp") {
		t.Error(err)
	}
	if _, err := sopsfile.New(sopsfile.Options{KeyTypes: []string{" age", "pgp "}}); err != nil {
		t.Error(err)
	}
}

// SOPS logs unencrypted comments with their text (docs/sops.md §7).
func TestNothingIsLogged(t *testing.T) {
	recipient := newKey(t)
	data := append([]byte("# "+canary+"\n"), encrypt(t, "a.yaml", "a: text\n", recipient)...)
	var log bytes.Buffer
	for _, l := range logging.Loggers {
		l.SetOutput(&log)
	}
	if got, err := read(t, "a.yaml", data, "a"); err != nil || got != "text" {
		t.Errorf("%q, %v", got, err)
	}
	if log.Len() > 0 {
		t.Errorf("SOPS logs: %s", log.String())
	}
}

// Without a key no value is preferred, however few there are.
func TestNoKeyIsGuessed(t *testing.T) {
	f := open(t, "a.yaml", encrypt(t, "a.yaml", "a: "+canary+"\n", newKey(t)))
	_, err := f.Value(t.Context(), nil)
	wantError(t, err, []string{"a.yaml: holds its values under keys, and the source names none (add a key to the source: it has a)"}, canary, "did you mean")
	f = open(t, "b.yaml", encrypt(t, "b.yaml", "m: {\"x.y\": "+canary+", z: "+canary+"}\n", newKey(t)))
	_, err = f.Value(t.Context(), []string{"m"})
	wantError(t, err, []string{`m is a map or a list, not a single value (it has m."x.y", m.z)`}, canary)
	f = open(t, "c.yaml", encrypt(t, "c.yaml", "x: {\"{"+canary+"}\": a}\ny: {a: b, \"c d\": e}\nn: {}\n", newKey(t)))
	_, err = f.Value(t.Context(), []string{"x"})
	wantError(t, err, []string{"x is a map or a list, not a single value (it has 1 key)"}, canary)
	_, err = f.Value(t.Context(), []string{"y"})
	wantError(t, err, []string{"(it has y.a, and 1 more)"}, canary)
	_, err = f.Value(t.Context(), []string{"n"})
	wantError(t, err, []string{"n is a map or a list, not a single value (it has none)"}, canary)
}

// A hint names the file as a command has to: SOPS goes by the name, and knows few of them.
func TestHintsAreCommands(t *testing.T) {
	recipient := newKey(t)
	cut := func(name, plain string) []byte {
		return bytes.Replace(encrypt(t, name, plain, recipient), []byte("data:"), []byte("data:AAAA"), 1)
	}
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"s/a b.yaml", cut("a.yaml", "a: text\n"), "(restore it with git -C s checkout HEAD -- 'a b.yaml', or from an older commit if it was committed like this; change it with sops edit 's/a b.yaml')"},
		{".env.production", cut("a.env", "a=text\n"), "change it with sops edit --input-type dotenv --output-type dotenv .env.production)"},
		{"a.conf", cut("a.yaml", "a: text\n"), "change it with sops edit --input-type yaml --output-type yaml a.conf)"},
	} {
		_, err := read(t, c.name, c.data, "a")
		wantError(t, err, []string{c.want})
	}
	_, err := opener(t).Unseal(t.Context(), []byte("{"), "secretsync.lock")
	wantError(t, err, []string{"the sealed key in it is damaged (restore it with git checkout HEAD -- secretsync.lock, or from an older commit if it was committed like this)"})
	_, err = open(t, "a.yaml", encrypt(t, "a.yaml", "a: [text]\n", recipient)).Entry([]string{"a"})
	wantError(t, err, []string{"a is a map or a list, not a single value (values are taken from maps only"})
	_, err = open(t, "a.json", encrypt(t, "a.json", `{"a": "text"}`, recipient)).Entry(nil)
	wantError(t, err, []string{"it has a; or set the format to binary, if the whole document is the value"})
}
