package pay_test

import (
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

func TestPairingText(t *testing.T) {
	t.Parallel()
	pin, err := pay.ParsePIN("7K3M-9QZX-02AB")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{"127.0.0.1:7444", "[fe80::1%25eth0]:7444", "tag.local:1"} {
		want := pay.PairingText{Link: link, PIN: pin, Device: keyOf(t, deviceSeed).ID()}
		got, err := pay.ParsePairingText(want.String())
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", want, got, err)
		}
	}
	good := pay.PairingText{Link: "127.0.0.1:7444", PIN: pin, Device: keyOf(t, deviceSeed).ID()}.String()
	for name, s := range map[string]string{
		"nothing":        "",
		"another scheme": strings.Replace(good, "paybeacon:", "http:", 1),
		"a URL":          strings.Replace(good, ":pair", "://pair", 1),
		"no pin":         strings.Replace(good, "pin=", "pan=", 1),
		"two links":      good + "&link=1.2.3.4:5",
		"no port":        strings.Replace(good, "%3A7444", "", 1),
		"short device":   strings.Replace(good, "device=", "device=00", 1),
		"bad pin":        strings.Replace(good, "7K3M", "7K3U", 1),
		"bad escape":     good + "&%zz",
		"control":        strings.Replace(good, "127.0.0.1", "%1b127.0.0.1", 1),
		"long":           good + strings.Repeat("x", 512),
	} {
		if p, err := pay.ParsePairingText(s); pay.CodeOf(err) != pay.CodeUsage {
			t.Errorf("%s: %+v, %v", name, p, err)
		} else if strings.Contains(err.Error(), "7K3M") {
			t.Errorf("%s: the error repeats the PIN", name)
		}
	}
}
