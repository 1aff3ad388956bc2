# Reference values of tests/test_infer.c: Rscript tests/r/small.R (R 4.2, packages clubSandwich, sandwich and effectsize 0.8.3).
options(digits = 15)
x <- c(23.1, 19.4, 25.0, 30.2, 21.7, 26.3, 24.4, 28.8)
y <- c(18.2, 20.1, 17.5, 22.9, 19.4, 16.0, 21.3)
say <- function(what, v) cat(sprintf("%-28s %s\n", what, paste(sprintf("%.12g", v), collapse = " ")))

J <- function(m) exp(lgamma(m / 2) - lgamma((m - 1) / 2)) / sqrt(m / 2)
ncp <- function(p, t, df) suppressWarnings(uniroot(function(n) pt(t, df, n) - p, t + c(-20, 20), tol = 1e-13)$root)
g <- function(d, df, scale) { t <- d * scale; J(df) * c(d, ncp(.975, t, df) / scale, ncp(.025, t, df) / scale) }
n1 <- length(x); n2 <- length(y)
sp <- sqrt(((n1 - 1) * var(x) + (n2 - 1) * var(y)) / (n1 + n2 - 2))
say("g, ci", g((mean(x) - mean(y)) / sp, n1 + n2 - 2, sqrt(n1 * n2 / (n1 + n2))))
d <- x[1:7] - y
say("g paired, ci", g(mean(d) / sd(d), 6, sqrt(7)))
e <- c(3, 5, 4, 4, 2, 6, 5, 5); f <- c(4, 4, 1, 2, 3, 4, 2)
for (s in list(effectsize::hedges_g(x, y), effectsize::hedges_g(x[1:7], y, paired = TRUE), effectsize::hedges_g(e, f)))
  cat(sprintf("effectsize g, ci %s\n", paste(sprintf("%.15g", unlist(as.data.frame(s)[c(1, 3, 4)])), collapse = " ")))
say("J 28, 48", J(c(28, 48)))
say("pt(2, 10, 1)", pt(2, 10, 1)); say("pt(-1, 3, -2)", pt(-1, 3, -2)); say("pt(30, 20, 25)", pt(30, 20, 25))
say("pt(.5, 1, 0)", pt(.5, 1, 0)); say("pt(1, 200, 1.5)", pt(1, 200, 1.5))

w <- t.test(x, y); say("welch t df p ci", c(w$statistic, w$parameter, w$p.value, w$conf.int))
w <- wilcox.test(e, f, exact = FALSE); say("mwu ties W p", c(w$statistic, w$p.value))
w <- wilcox.test(x, y, exact = FALSE); say("mwu approx W p", c(w$statistic, w$p.value))
w <- wilcox.test(c(x + .01, 40:50 + .25), c(y, 31:44 + .5), exact = TRUE); say("mwu exact W p", c(w$statistic, w$p.value))
w <- wilcox.test(x[1:7], y, paired = TRUE, exact = TRUE); say("signed exact V p", c(w$statistic, w$p.value))
w <- wilcox.test(e[1:7], f, paired = TRUE, exact = FALSE); say("signed approx V p", c(w$statistic, w$p.value))
all <- combn(15, 8, function(i) abs(mean(c(x, y)[i]) - mean(c(x, y)[-i])))
say("permutation p", mean(all >= abs(mean(x) - mean(y)) - 1e-9))
signs <- as.matrix(expand.grid(rep(list(c(-1, 1)), 7)))
say("sign flips p", mean(abs(signs %*% d) >= abs(sum(d)) - 1e-9))
for (a in list(c(7, 8, .5), c(3, 20, .3), c(11, 20, .3), c(0, 9, .2), c(500, 1000, .47))) {
  b <- binom.test(a[1], a[2], a[3]); say(paste("binom", paste(a, collapse = "/")), c(b$p.value, b$conf.int))
  say("  greater, less", c(binom.test(a[1], a[2], a[3], "greater")$p.value, binom.test(a[1], a[2], a[3], "less")$p.value))
}
say("binom greater ci", binom.test(7, 8, .5, "greater")$conf.int)
w <- cor.test(x[1:7], y); say("cor r t p ci", c(w$estimate, w$statistic, w$p.value, w$conf.int))
w <- cor.test(e[1:7], f, method = "spearman", exact = FALSE); say("rho p", c(w$estimate, w$p.value))
p <- c(.01, .04, .03, .005, .2, .8, .04)
for (m in c("holm", "hommel", "BH")) say(m, p.adjust(p, m))
set.seed(1); q <- round(runif(12)^3, 4); say("12 p", q); say("hommel 12", p.adjust(q, "hommel"))
tl <- t.test(x, y, mu = -1, alternative = "greater"); th <- t.test(x, y, mu = 9, alternative = "less")
say("tost p low, high, ci", c(tl$p.value, th$p.value, t.test(x, y, conf.level = .9)$conf.int))

# Krippendorff's alpha written out from its definition: ratings of 12 units by 4 raters, some missing (his own example).
r <- rbind(c(1,2,3,3,2,1,4,1,2,NA,NA,NA), c(1,2,3,3,2,2,4,1,2,5,NA,3), c(NA,3,3,3,2,3,4,2,2,5,1,NA), c(1,2,3,3,2,4,4,1,2,5,1,NA))
alpha <- function(r, metric) {
  v <- sort(unique(na.omit(c(r)))); k <- length(v); o <- matrix(0, k, k)
  for (u in seq_len(ncol(r))) { z <- match(na.omit(r[, u]), v); m <- length(z); if (m > 1)
    for (i in 1:m) for (j in 1:m) if (i != j) o[z[i], z[j]] <- o[z[i], z[j]] + 1 / (m - 1) }
  n <- rowSums(o); N <- sum(n); dist <- matrix(0, k, k)
  for (a in 1:k) for (b in 1:k) dist[a, b] <- switch(metric, nominal = a != b, interval = (v[a] - v[b])^2,
    ratio = ((v[a] - v[b]) / (v[a] + v[b]))^2, ordinal = (sum(n[a:b]) - (n[a] + n[b]) / 2)^2)
  1 - (N - 1) * sum(o * dist) / sum(outer(n, n) * dist)
}
for (m in c("nominal", "ordinal", "interval", "ratio")) say(m, alpha(r, m))
