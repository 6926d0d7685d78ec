package sopsfile

import (
	"os/exec"
	"slices"
	"strings"

	"github.com/getsops/sops/v3/keys"
	"github.com/secretsync/secretsync/internal/agekeys"
	"github.com/secretsync/secretsync/internal/sopsfile/keygate"
)

// noKey is the error that lists the recipients of the file, and why no key was found for any of
// them. All of that is public.
func (f *File) noKey(failed *keygate.Failures) error {
	groups := f.tree.Metadata.KeyGroups
	refused := f.opener.gate.Refused(groups)
	byType := map[string][]keys.MasterKey{}
	var usable []string
	for _, k := range slices.Concat(groups...) {
		if t := k.TypeToIdentifier(); !slices.Contains(refused, t) {
			usable = append(usable, recipient(k))
			byType[t] = append(byType[t], k)
		}
	}
	if len(usable) == 0 {
		return f.failTypes(KeyTypeRefused, refused, "",
			"is encrypted only for key types that are not allowed: %s", strings.Join(refused, ", "))
	}
	const most = 5
	if more := len(usable) - most; more > 0 {
		usable = append(usable[:most], "and others")
	}
	what, hint := f.explain(byType, failed)
	return f.failTypes(NoKey, refused, hint, "no available key can decrypt it%s; it is encrypted for %s", what, strings.Join(usable, ", "))
}

// explain says what is wrong with the keys of each type: causes for the error's text, with a
// colon before them if there are any, and fixes for the hint.
func (f *File) explain(byType map[string][]keys.MasterKey, failed *keygate.Failures) (causes, hint string) {
	var what, fixes []string
	add := func(cause, fix string) {
		if cause != "" {
			what = append(what, cause)
		}
		if fix != "" && !slices.Contains(fixes, fix) {
			fixes = append(fixes, fix)
		}
	}
	for _, t := range keygate.Types() {
		list := byType[t]
		switch {
		case len(list) == 0:
		case t == "age":
			for _, finding := range f.ageFindings(list, failed.ByType[t]) {
				add(finding.What, finding.Fix)
			}
		case t == "pgp":
			add(pgpFinding(list, failed.ByType[t]))
		default:
			add("", serverHints[t])
		}
	}
	if len(what) > 0 {
		causes = ": " + strings.Join(what, "; ")
	}
	return causes, strings.Join(fixes, "; ")
}

func (f *File) ageFindings(list []keys.MasterKey, failures []string) []agekeys.Finding {
	file := agekeys.File{Failures: failures, Add: "run " + f.command("updatekeys")}
	if f.part {
		file.Add = "seal the key again"
	}
	for _, k := range list {
		file.Recipients = append(file.Recipients, k.ToString())
	}
	return agekeys.Explain(file)
}

// serverHints are about key types that are used only if that is allowed.
var serverHints = map[string]string{
	"kms":      "AWS KMS has to allow kms:Decrypt to the credentials that aws sts get-caller-identity shows",
	"gcp_kms":  "Google Cloud KMS needs the role cloudkms.cryptoKeyDecrypter and credentials, as from gcloud auth application-default login",
	"azure_kv": "Azure Key Vault has to allow decrypt to the credentials that az account show names",
	"hc_vault": "Vault needs a token in VAULT_TOKEN or from vault login, with the capability update on the key's decrypt path",
	"hckms":    "Huawei Cloud KMS needs credentials in HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK",
}

// gpgPhrases are what gpg says in English, and what follows from it. The first that is found
// counts.
var gpgPhrases = []struct{ phrase, cause, fix string }{
	{"Inappropriate ioctl for device", "gpg could not ask for the passphrase", "run export GPG_TTY=$(tty), or use a key without a passphrase"},
	{"No pinentry", "gpg could not ask for the passphrase", "install a pinentry program, or use a key without a passphrase"},
	{"Timeout", "gpg waited too long for the passphrase", "try again, or use a key without a passphrase"},
	{"Operation cancelled", "the passphrase was not given", "try again"},
	{"Bad passphrase", "the passphrase was wrong", "try again"},
	{"No agent running", "gpg-agent does not run", "run gpgconf --launch gpg-agent"},
}

// pgpFinding says why gpg could not decrypt.
func pgpFinding(list []keys.MasterKey, failures []string) (cause, fix string) {
	program := keygate.GPG()
	if _, err := exec.LookPath(program); err != nil {
		if program != "gpg" {
			return "the program in SOPS_GPG_EXEC cannot be run", "set it to the full path of gpg, or unset it"
		}
		return "gpg is not installed", "install GnuPG, and import the private key with gpg --import"
	}
	for _, text := range failures {
		for _, p := range gpgPhrases {
			if strings.Contains(text, p.phrase) {
				return p.cause, p.fix
			}
		}
	}
	return "gpg has no private key for it",
		strings.TrimSpace("gpg --list-secret-keys "+fingerprints(list)) + " shows whether there is one; import it with gpg --import"
}

// fingerprints are the names of PGP keys for a command line, as far as a file has them right.
func fingerprints(list []keys.MasterKey) string {
	const most = 3
	var names []string
	for _, k := range list {
		if name := k.ToString(); len(names) < most && name != "" && len(name) <= 40 && strings.Trim(name, "0123456789ABCDEFabcdef") == "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// recipient is a key's type and public name.
func recipient(k keys.MasterKey) string { return named(k.TypeToIdentifier(), k.ToString()) }

// named is a key's type and public name. A name as long as those of post-quantum keys is cut.
func named(keyType, name string) string {
	const most = 100
	name = strings.ToValidUTF8(name, "?")
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "..."
	}
	return keyType + " " + shown([]string{name})
}
