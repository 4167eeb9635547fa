package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "rival:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	if len(args) == 2 && args[0] == "serve" {
		return serve(ctx, args[1])
	}
	dir, err := os.MkdirTemp("", "rival-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	pg, err := startPostgres(ctx, dir)
	if err != nil {
		return err
	}
	defer pg.stop()
	shop, err := openShop(ctx, pg)
	if err != nil {
		return err
	}
	defer shop.close()
	if _, err := shop.load(ctx, 8, time.Second); err != nil { // statements are planned, pages are read
		return err
	}
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan() && ctx.Err() == nil; {
		r, err := obey(ctx, shop, lines.Text())
		if err != nil {
			return err
		}
		raw, err := json.Marshal(r)
		if err != nil {
			return err
		}
		fmt.Println(string(raw))
	}
	return nil
}

// result is the answer to an order.
type result struct {
	Paid      int     `json:"paid"`
	Seconds   float64 `json:"seconds"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	ServerCPU float64 `json:"server_cpu_us"`
}

func obey(ctx context.Context, s *shop, line string) (result, error) {
	var n int
	var during string
	if _, err := fmt.Sscanf(line, "alone %d", &n); err == nil {
		return s.alone(ctx, n)
	}
	if _, err := fmt.Sscanf(line, "load %d %s", &n, &during); err == nil {
		d, err := time.ParseDuration(during)
		if err != nil {
			return result{}, err
		}
		return s.load(ctx, n, d)
	}
	return result{}, errors.New("orders are: alone N, load CALLERS DUR")
}
