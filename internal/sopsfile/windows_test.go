package sopsfile_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/getsops/sops/v3/cmd/sops/formats"
	"github.com/getsops/sops/v3/decrypt"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/internal/sopstext"
)

func crlf(data []byte) []byte {
	return []byte(strings.ReplaceAll(string(data), "\n", "\r\n"))
}

func marked(data []byte) []byte { return append([]byte("\ufeff"), data...) }

func wide(data []byte, order binary.AppendByteOrder) (out []byte) {
	for _, u := range utf16.Encode([]rune(string(data))) {
		out = order.AppendUint16(out, u)
	}
	return out
}

// sopsReads reports whether SOPS itself decrypts a file, and finds its MAC right.
func sopsReads(format sopstext.Format, data []byte) bool {
	_, err := decrypt.DataWithFormat(data, formats.FormatFromString(string(format)))
	return err == nil
}

// Files as git's core.autocrlf, an editor or PowerShell change them. If SOPS can read one, so can we,
// and no MAC fails because of line ends; otherwise the error says what was done to the file.
func TestFilesOfWindows(t *testing.T) {
	recipient := newKey(t)
	const ends, wideWords = "line ends of Windows (CRLF)", "is encoded in UTF-16 (save it as UTF-8"
	for format, doc := range documents {
		data := encrypt(t, doc.file, doc.plain+map[sopstext.Format]string{
			sopstext.YAML: "clear_unencrypted: |\n  one\n\n  two\n", sopstext.INI: "clear_unencrypted = x\n", sopstext.Dotenv: "CLEAR_unencrypted=x\n",
		}[format], recipient)
		for name, c := range map[string]struct {
			data   []byte
			errors map[sopstext.Format]string // where it is not read; "" is for the others
		}{
			"CRLF":                 {crlf(data), map[sopstext.Format]string{sopstext.Dotenv: ends}},
			"mark":                 {marked(data), map[sopstext.Format]string{sopstext.Dotenv: "a.env:1:1: a byte order mark, which SOPS takes for a part of the line (save it as UTF-8 without a byte order mark)"}},
			"mark and CRLF":        {marked(crlf(data)), map[sopstext.Format]string{sopstext.Dotenv: ends}},
			"UTF-16":               {wide(marked(data), binary.LittleEndian), map[sopstext.Format]string{"": wideWords}},
			"UTF-16, CRLF":         {wide(marked(crlf(data)), binary.LittleEndian), map[sopstext.Format]string{"": wideWords}},
			"UTF-16, big endian":   {wide(marked(data), binary.BigEndian), map[sopstext.Format]string{"": wideWords}},
			"UTF-16, without mark": {wide(data, binary.LittleEndian), map[sopstext.Format]string{"": wideWords}},
		} {
			want := c.errors[format] + c.errors[""]
			got, err := read(t, doc.file, c.data, doc.path)
			reads := sopsReads(format, c.data)
			switch {
			case want != "":
				wantError(t, err, []string{doc.file, want}, canary)
				wantKind(t, err, sopsfile.Malformed)
				if reads && !strings.HasPrefix(name, "UTF-16") {
					t.Errorf("%s, %s: SOPS reads it", format, name)
				}
			case err != nil || got != canary:
				t.Errorf("%s, %s: %v; SOPS reads it: %v", format, name, err, reads)
			}
			if name == "CRLF" && format != sopstext.Dotenv && !reads {
				t.Errorf("%s, %s: SOPS does not read it", format, name)
			}
		}
	}
}

// The hint about line ends can be pasted, whatever the file is called.
func TestLineEnds(t *testing.T) {
	recipient := newKey(t)
	data := crlf(encrypt(t, "a.env", "A="+canary+"\nB_unencrypted=x\n", recipient))
	for name, want := range map[string]string{
		"secrets/.env.production": `add the line ".env.production text eol=lf" to .gitattributes in its folder, and check it out again: git -C secrets rm -q --cached -- .env.production && git -C secrets checkout HEAD -- .env.production)`,
		"a b#.env":                `"a?b?.env text eol=lf" to .gitattributes in its folder, and check it out again: git rm -q --cached -- 'a b#.env' && git checkout HEAD -- 'a b#.env')`,
	} {
		_, err := opener(t).Open(name, data)
		wantError(t, err, []string{name + ":1:1: line ends of Windows (CRLF), which SOPS does not read in dotenv files (save it with LF.", want}, canary)
	}
	// A plain file is not encrypted, whatever its line ends are.
	_, err := opener(t).Open("a.env", []byte("A="+canary+"\r\n\r\nB=x\r\n"))
	wantError(t, err, []string{"a.env: is not encrypted with SOPS"}, canary)
	// Nor does a value in clear that ends with \r mean that the file was converted.
	if got, err := read(t, "a.env", encrypt(t, "a.env", "A=text\nB_unencrypted=x\r\n", recipient), "A"); err != nil || got != "text" {
		t.Errorf("%q, %v", got, err)
	}
}

// For SOPS, a byte order mark before the first key of a dotenv file is a part of that key, if it was
// there when the file was encrypted. A mark that an editor added makes the value unreadable.
func TestMarkBeforeTheFirstKey(t *testing.T) {
	recipient := newKey(t)
	before := encrypt(t, "a.env", "\ufeffA="+canary+"\nB=text\n", recipient)
	if got, err := read(t, "a.env", before, "B"); err != nil || got != "text" || !sopsReads(sopstext.Dotenv, before) {
		t.Errorf("another key: %q, %v", got, err)
	}
	_, err := read(t, "a.env", before, "A")
	wantError(t, err, []string{"a.env: has no A (SOPS takes the byte order mark before it for a part of the key: if the file had it when it was encrypted, remove it with sops edit"}, canary)
	wantKind(t, err, sopsfile.Missing)

	added := marked(encrypt(t, "a.env", "A="+canary+"\nB=text\n", recipient))
	if sopsReads(sopstext.Dotenv, added) {
		t.Error("SOPS reads it")
	}
	_, err = read(t, "a.env", added, "B")
	wantError(t, err, []string{"a.env:1:4: a byte order mark, which SOPS takes for a part of the key A (save it as UTF-8 without a byte order mark)"}, canary)
	wantKind(t, err, sopsfile.Damaged)
}
