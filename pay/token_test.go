package pay_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

func TestTokenThatLooksLikeACardIsRefused(t *testing.T) {
	t.Parallel()
	for text, card := range map[string]bool{
		"4242424242424242":                true,
		"4242 4242 4242 4242":             true,
		"4242-4242-4242-4242":             true,
		"pan:378282246310005":             true,
		"(5555555555554444)":              true,
		"6304000000000000":                true,  // Maestro
		"4222222222222":                   true,  // 13 digits
		"4242424242424241":                false, // its check digit is wrong
		"42424242426":                     false, // 11 digits
		"42424242424242424242":            false, // 20 digits
		"pm_1NXWPnCo6bFb1KQto6C8OWvG":     false,
		"cus_NffrFeUfNV2Hib/pm_card_visa": false,
		"sim-ok":                          false,
		"tok_4242":                        false,
	} {
		err := pay.Token(text).Check()
		if errors.Is(err, pay.ErrCardNumber) != card || (err != nil) != card {
			t.Errorf("%s: %v", text, err)
		}
		if err != nil && strings.ContainsAny(err.Error(), "0123456789") {
			t.Errorf("the error shows digits: %v", err)
		}
	}
}

func TestTokenHasAForm(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", " x", "x ", "a\nb", "a\tb", "ä", "a\x00", strings.Repeat("x", pay.TokenBytesMax+1)} {
		if err := pay.Token(text).Check(); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	if err := pay.Token(strings.Repeat("x", pay.TokenBytesMax)).Check(); err != nil {
		t.Error(err)
	}
}

// TestTokenIsNeverPrinted tries the ways in which values get into logs and errors.
func TestTokenIsNeverPrinted(t *testing.T) {
	t.Parallel()
	const secret = "sk-secret"
	token := pay.Token(secret)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "token", token, "in", struct{ T pay.Token }{token})
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "token", token)
	for _, shown := range []string{
		token.String(), fmt.Sprint(token), fmt.Sprintf("%v %+v %#v %s", token, token, token, token),
		fmt.Sprintf("%+v", struct{ T pay.Token }{token}), fmt.Errorf("with %v", token).Error(), log.String(),
	} {
		if strings.Contains(shown, secret) {
			t.Errorf("it shows: %s", shown)
		}
	}
}
