package sopstext

import (
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/racetest"
)

const value = "ENC[AES256_GCM,data:Tr7o,iv:1==,tag:a/+=,type:str]"

func TestEncrypted(t *testing.T) {
	for text, want := range map[string]bool{
		value:                           true,
		" \n\"" + value + "\"\r\n":      true,
		"https://user:" + value + "@a/": true,
		`{"a":"` + strings.ReplaceAll(value, "/", `\/`) + `"}`: true,
		"ENC[AES256_GCM,data:Tr7o":                             true,
		"'ENC[AES256_GCM,":                                     true,
		"ENC[AES256_GCM,data:,iv:1==,tag:a/+=,type:str]":       true,
		"": false, "text": false, "ENC[": false, "ENC[PKCS7,MIIB]": false,
		"SOPS writes ENC[AES256_GCM,...] there": false,
		strings.ToLower(value):                  false,
	} {
		if got := Encrypted([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// Metadata counts only where SOPS has it. package sopsfile tests what SOPS writes.
func TestDetect(t *testing.T) {
	for text, want := range map[string]Format{
		"":                                      "",
		"a: b\n":                                "",
		"sops: text\n":                          "",
		"a:\n  sops:\n    mac: x\n":             "",
		"sops:\n    mac: x\n":                   YAML,
		"\ufeffa: b\r\nsops:\r\n    mac: x\r\n": YAML,
		"\"sops\": {mac: x}\n":                  YAML,
		"sops_url=x\n":                          "",
		"# sops_mac=x\n":                        "",
		"A=b\r\nsops_mac=x\r\n":                 Dotenv,
		"[sops]\nurl = x\n":                     "",
		"[a]\nb = c\n\n[sops]\nmac = x\n":       INI,
		`{"sops": "text"}`:                      "",
		`{"a": {"sops": {}}}`:                   "",
		`{"data": "x", "sops": {}}`:             Binary,
		`{"data": "", "sops": {}}`:              JSON,
		`{"data": {"a": "x"}, "sops": {}}`:      JSON,
		`{"data": "x", "a": "", "sops": {}}`:    JSON,
		`{"a": "` + value + `", "sops": {`:      JSON,
		`{"sops": {`:                            "",
	} {
		if got := Detect([]byte(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestOfName(t *testing.T) {
	for name, want := range map[string]Format{
		"a/.env.production": Dotenv, ".env": Dotenv, "prod.env.local": Dotenv, ".dev.vars": Dotenv, ".dev.vars.staging": Dotenv, "x.env.enc": Dotenv,
		"x.yaml.enc": YAML, "x.YML": YAML, "x.enc.yaml": YAML, "x.yaml.sops.encrypted": YAML, "x.json.sops": JSON, "x.Ini": INI,
		"x.conf": Binary, "x.pem": Binary, "a.env.d/x": Binary, "": Binary, ".enc": Binary,
	} {
		if got := OfName(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// Lines that could begin metadata, again and again, do not make the whole text be searched for each.
func TestDetectManyCandidates(t *testing.T) {
	racetest.Large(t)
	for _, line := range []string{"[sops]\n", "sops:\n", "{\"sops\":  \n"} {
		if got := Detect([]byte(strings.Repeat(line, 1<<20))); got != "" {
			t.Errorf("%q: %q", line, got)
		}
	}
}
