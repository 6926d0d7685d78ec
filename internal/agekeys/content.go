package agekeys

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"filippo.io/age"
	"filippo.io/age/plugin"
	"github.com/secretsync/secretsync/internal/charset"
	"github.com/secretsync/secretsync/internal/shell"
)

const identityPrefix = "AGE-SECRET-KEY-"

// source is where a text of identities comes from.
type source struct {
	name  string // the variable, or the file
	file  string // where it comes from a file
	words bool   // several identities may be on a line
}

// offence is the first text that SOPS does not take for an identity.
type offence struct {
	text string
	line int
}

// protected represents a file of identities that is encrypted with a passphrase.
type protected struct{ age.Identity }

// parse reads identities as SOPS does, which drops a text as a whole if there is anything
// else in it.
func parse(text string, words bool) (ids []age.Identity, bad *offence) {
	if strings.HasPrefix(text, "age-encryption") || strings.HasPrefix(text, "-----BEGIN AGE") {
		return []age.Identity{protected{}}, nil
	}
	lines := bufio.NewScanner(strings.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := []string{line}
		if words {
			parts = strings.Fields(line)
		}
		for _, part := range parts {
			id := identity(part)
			if id == nil {
				return nil, &offence{part, number}
			}
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func identity(text string) age.Identity {
	var id age.Identity
	var err error
	switch {
	case strings.HasPrefix(text, "AGE-PLUGIN-"):
		id, err = plugin.NewIdentity(text, &plugin.ClientUI{})
	case strings.HasPrefix(text, identityPrefix+"PQ-1"):
		id, err = age.ParseHybridIdentity(text)
	case strings.HasPrefix(text, identityPrefix+"1"):
		id, err = age.ParseX25519Identity(text)
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	return id
}

// classify explains why a text is not exactly one identity, and how to fix it.
func classify(text string, bad *offence, from source) (where, what, fix string) {
	where = from.name
	if from.file != "" && from.file != from.name {
		where = "the file in " + from.name + ", " + strconv.Quote(from.file) + ","
	}
	if what, fix = encoded(text, from); what != "" {
		return where, what, fix
	}
	if bad == nil {
		what, fix = onlyComments(text)
		return where, what, fix
	}
	if what, fix = otherKey(text, bad.text, from); what != "" {
		return where, what, fix
	}
	what, fix = wrapped(text, bad.text, from)
	return where, what, fix
}

// encoded recognises a text in another encoding.
func encoded(text string, from source) (what, fix string) {
	plainText := "save the identity as UTF-8 without a byte order mark"
	if from.file != "" {
		plainText += ": in PowerShell, (Get-Content " + shell.Word(from.file) + ") | Set-Content -Encoding ascii " + shell.Word(from.file)
	}
	switch encoding := charset.UTF16([]byte(text)); {
	case encoding != "":
		return "text in " + encoding, plainText
	case strings.HasPrefix(text, charset.BOM):
		return "a byte order mark before the identity", plainText
	case strings.Contains(decoded(text), identityPrefix):
		return "an identity in base64", "decode the identity first, with base64 -d"
	}
	return "", ""
}

// onlyComments is about a text without anything that SOPS would read.
func onlyComments(text string) (what, fix string) {
	switch {
	case strings.Contains(text, identityPrefix) && strings.Contains(text, `\n`):
		return `\n in place of line ends, so all of it is a comment`, "write real line ends, or the line " + identityPrefix + "... alone"
	case strings.Contains(text, identityPrefix):
		return "a key file on one line, so all of it is a comment", "keep its line ends, or use the line " + identityPrefix + "... alone"
	}
	return "no identity, only comments or nothing", "use the line " + identityPrefix + "... of a key file"
}

// otherKey recognises keys that are not age identities.
func otherKey(text, bad string, from source) (what, fix string) {
	switch {
	case strings.HasPrefix(bad, "age1"):
		return "a recipient, which is a public key, instead of an identity", "use the line " + identityPrefix + "... of the key file"
	case strings.HasPrefix(bad, "-----BEGIN") && strings.Contains(text, "PGP PRIVATE"):
		return "a PGP key instead of an age identity", "import the key with gpg --import, and unset " + from.name
	case strings.HasPrefix(bad, "-----BEGIN"):
		return "an SSH or other private key instead of an age identity", "SOPS takes the full path of an SSH key in " + sshFileVar
	case strings.HasPrefix(bad, "ssh-"):
		return "an SSH public key instead of an age identity", "SOPS takes the full path of an SSH private key in " + sshFileVar
	case strings.HasPrefix(strings.ToLower(bad), "age-secret-key-") && !strings.HasPrefix(bad, identityPrefix):
		return "an identity in lower case", "write the identity in upper case"
	}
	return "", ""
}

// wrapped recognises an identity with something around it.
func wrapped(text, bad string, from source) (what, fix string) {
	around := strings.Contains(text, identityPrefix)
	switch {
	case strings.TrimSpace(bad) == "":
		return "a line of blanks, for which SOPS drops all of it", "remove the blanks"
	case strings.ContainsAny(bad[:1], "\"'`") || strings.HasPrefix(bad, "“") || strings.HasPrefix(bad, "‘"):
		return "quotes, which are a part of it", "remove the quotes"
	case around && strings.Contains(text, `\n`):
		return `\n in place of line ends`, "write real line ends, or the line " + identityPrefix + "... alone"
	case strings.HasPrefix(bad, identityPrefix), strings.HasPrefix(bad, "AGE-PLUGIN-"):
		return "an identity that is damaged: something of it is missing, added or changed", "copy the whole line of the identity again"
	case around && strings.TrimSpace(bad) != bad:
		return "an identity with spaces around it", "remove the spaces: an identity must be alone on its line"
	case around:
		return "other text next to the identity",
			"leave the line " + identityPrefix + "... alone: only lines that begin with # may be with it"
	case strings.HasPrefix(bad, "$"), strings.HasPrefix(bad, "{{"), strings.HasPrefix(bad, "op://"):
		return "a placeholder that nothing has replaced", ""
	case from.file == "" && namesFile(text):
		return "the name of a file instead of an identity", "set " + fileVar + " to its full path, and unset " + keyVar
	}
	return "something that is not an age identity", "use the line " + identityPrefix + "... of a key file"
}

// namesFile reports whether a text names a file, which may be missing here.
func namesFile(text string) bool {
	name := strings.TrimSpace(text)
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular() ||
		showable(name) && (filepath.IsAbs(name) || strings.HasPrefix(name, "~/") || strings.HasPrefix(name, "./"))
}
