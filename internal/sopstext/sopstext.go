// Package sopstext recognises by its text alone what SOPS encrypted: documents by their
// metadata ([FormatOf]), and values by their form ([Encrypted]). [Command] writes commands of sops
// for hints. The package needs no key, and does not import SOPS.
package sopstext

import (
	"bytes"
	"cmp"
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/secretsync/secretsync/internal/charset"
	"github.com/secretsync/secretsync/internal/shell"
)

// Format is a format of documents that SOPS encrypts, by the name that its command line uses.
type Format string

// The formats.
const (
	YAML   Format = "yaml"
	JSON   Format = "json"
	Dotenv Format = "dotenv"
	INI    Format = "ini"
	// Binary is a file of any format that was encrypted as a whole.
	Binary Format = "binary"
)

// Formats are all formats.
var Formats = []Format{YAML, JSON, Dotenv, INI, Binary}

// FormatOf returns the format of a document. Its SOPS metadata decides; the name decides
// if the metadata fits several formats, or if there is none.
func FormatOf(name string, data []byte) Format {
	found := Detect(data)
	byName := ofExtension(filepath.Ext(name))
	switch {
	case found == "":
		return OfName(name)
	// Binary files are JSON documents, and those are YAML documents too. SOPS goes by the name.
	case (found == JSON || found == Binary) && (byName == JSON || byName == YAML):
		return byName
	}
	return found
}

// Detect returns the format of a document by its SOPS metadata, or "" if it has none. A
// document that is damaged elsewhere is recognised too.
func Detect(data []byte) Format {
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte(charset.BOM)))
	if bytes.HasPrefix(data, []byte("{")) {
		return detectJSON(data)
	}
	inINI := sync.OnceValue(func() bool { return iniMetadata.Match(data) })
	inYAML := sync.OnceValue(func() bool { return bytes.Contains(data, []byte("mac:")) })
	for line := range bytes.Lines(data) {
		switch {
		case !bytes.Contains(line, []byte("sops")): // as in nearly all lines
		case dotenvMetadata.Match(line):
			return Dotenv
		case bytes.Equal(bytes.TrimSpace(line), []byte("[sops]")) && inINI():
			return INI
		case yamlMetadata.Match(line) && inYAML():
			return YAML
		}
	}
	return ""
}

// The metadata. dotenv and INI flatten it into keys.
var (
	dotenvMetadata = regexp.MustCompile(`^sops_(mac|version|lastmodified)=`)
	iniMetadata    = regexp.MustCompile(`(?m)^(mac|version|lastmodified)[ \t]*=`)
	jsonMetadata   = regexp.MustCompile(`"sops"\s*:\s*\{`)
	yamlMetadata   = regexp.MustCompile(`^["']?sops["']?[ \t]*:(\s|$)`)
)

// detectJSON distinguishes binary files, whose only value is "data", from other JSON documents.
func detectJSON(data []byte) Format {
	if !jsonMetadata.Match(data) && !bytes.Contains(data, []byte(ValuePrefix)) && !bytes.Contains(data, []byte(`\u`)) {
		return "" // without reading it, which takes as long as reading a manifest
	}
	var root map[string]json.RawMessage
	if json.Unmarshal(data, &root) != nil {
		if bytes.Contains(data, []byte(`"sops"`)) && Encrypted(data) {
			return JSON
		}
		return ""
	}
	var content string
	switch meta := bytes.TrimSpace(root["sops"]); {
	case !bytes.HasPrefix(meta, []byte("{")):
		return ""
	case len(root) == 2 && json.Unmarshal(root["data"], &content) == nil && content != "":
		return Binary
	}
	return JSON
}

// OfName returns the format of a file that is not encrypted yet, as far as its name shows it,
// and otherwise [Binary]. It knows more names than SOPS does.
func OfName(name string) Format {
	base := strings.ToLower(filepath.Base(name))
	for slices.Contains([]string{".enc", ".encrypted", ".sops"}, filepath.Ext(base)) {
		base = strings.TrimSuffix(base, filepath.Ext(base))
	}
	if f := ofExtension(filepath.Ext(base)); f != "" {
		return f
	}
	if strings.HasPrefix(base, ".dev.vars") || strings.Contains(base, ".env.") {
		return Dotenv
	}
	return Binary
}

// Command returns a command of sops about a file of a format: "sops", the words, and the file's
// name. The format is given too if SOPS, which goes by the name alone, would take another one.
func Command(words, name string, format Format) string {
	text := "sops " + words
	if byName := cmp.Or(ofExtension(filepath.Ext(name)), Binary); byName != format {
		text += " --input-type " + string(format)
		if words != "updatekeys" { // which has no such flag, and writes the format that it reads
			text += " --output-type " + string(format)
		}
	}
	return text + " " + shell.File(name)
}

// ofExtension returns the format that SOPS goes by for an extension, or "".
func ofExtension(ext string) Format {
	switch ext {
	case ".yaml", ".yml":
		return YAML
	case ".json":
		return JSON
	case ".env":
		return Dotenv
	case ".ini":
		return INI
	}
	return ""
}

// ValuePrefix is how every value begins that SOPS encrypted.
const ValuePrefix = "ENC[AES256_GCM,"

// valueForm is the form of such a value. A JSON encoder may have put backslashes into it.
var valueForm = regexp.MustCompile(`ENC\[AES256_GCM,data:[A-Za-z0-9+/=\\]*,iv:[A-Za-z0-9+/=\\]+,tag:[A-Za-z0-9+/=\\]+,type:[a-z]+\]`)

// IsValue reports whether a text is a value that SOPS encrypted, perhaps damaged.
func IsValue(text string) bool {
	return strings.HasPrefix(text, ValuePrefix) && strings.HasSuffix(text, "]")
}

// Encrypted reports whether a text holds anything that SOPS encrypted. Every document that
// SOPS encrypted does: its MAC is such a value.
func Encrypted(text []byte) bool {
	return valueForm.Match(text) || bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n\"'"), []byte(ValuePrefix))
}
