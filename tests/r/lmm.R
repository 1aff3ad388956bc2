# Makes tests/r/lmm.csv and the reference values of tests/test_infer_lmm.c and test_infer_compare.c: Rscript tests/r/lmm.R (R 4.2, lme4 1.1-31, pbkrtest 0.5.2).
options(digits = 12, warn = 1)
suppressMessages({library(lme4); library(sandwich)})
set.seed(20)
d <- expand.grid(day = 0:7, id = sprintf("s%02d", 1:18))
d$grp <- ifelse(as.integer(d$id) %% 2 == 0, "B", "A")
d$item <- sprintf("i%d", sample(1:6, nrow(d), TRUE))
u <- cbind(rnorm(18, 0, 24), rnorm(18, 0, 6)); v <- rnorm(6, 0, 12)
d$y <- round(250 + 10 * d$day + ifelse(d$grp == "B", 15 - 4 * d$day, 0) + u[as.integer(d$id), 1] + u[as.integer(d$id), 2] * d$day +
  v[as.integer(substr(d$item, 2, 2))] + rnorm(nrow(d), 0, 20), 2)
d$y[c(5, 70)] <- NA
d <- d[-c(11, 12, 40, 99), ]
d$class <- sprintf("k%d", as.integer(d$id) %% 4)
write.csv(d, "tests/r/lmm.csv", row.names = FALSE, quote = FALSE)
d <- read.csv("tests/r/lmm.csv")
tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9, maxfun = 1e5), calc.derivs = FALSE)
say <- function(...) cat(sprintf(...), "\n")
show <- function(formula, REML = TRUE) {
  m <- suppressMessages(lmer(formula, d, REML = REML, control = tight))
  say("\n{\"%s\", %d, %.10g, %.10g,", deparse1(formula), REML, logLik(m), sigma(m)^2)
  s <- coef(summary(m))
  for (n in rownames(s)) say("  {\"%s\", %.10g, %.10g},", n, s[n, 1], s[n, 2])
  v <- as.data.frame(VarCorr(m))
  for (i in seq_len(nrow(v) - 1)) say("  {\"%s\", \"%s\", \"%s\", %.10g},", v$grp[i], v$var1[i], v$var2[i], v$vcov[i])
  if (isSingular(m)) say("  singular")
  invisible(m)
}
show(y ~ day + (1 | id))
show(y ~ day + (1 | id), FALSE)
a <- show(y ~ day * grp + (1 + day | id), FALSE)
show(y ~ day * grp + (1 + day | id))
show(y ~ day + (day || id))
show(y ~ day * grp + (1 + day | id) + (1 | item))
show(y ~ grp + (1 | class/id))
show(y ~ day + (1 | id) + (1 | class))
show(y ~ 0 + grp:day + grp + (1 | item) + (0 + day | id))
show(y ~ item * grp + (grp | item), FALSE)
flat <- lmer(y ~ item * grp + (grp | item), d, devFunOnly = TRUE) # REML says nothing about these variances
say("flat %s", paste(sprintf("%.12g", sapply(list(c(1, 0, 1), c(5, 1, 2), c(0, 0, 0)), flat)), collapse = " "))
b <- show(y ~ day + grp + (1 + day | id), FALSE)
x <- anova(b, a)
say("lrt %.10g %d %.10g", x$Chisq[2], x$Df[2], x$`Pr(>Chisq)`[2])
suppressMessages(library(pbkrtest)) # 0.5.2
boot <- function(full, null) {
  k <- d[!is.na(d$y), ]
  a <- lmer(full, k, REML = FALSE, control = tight); b <- lmer(null, k, REML = FALSE, control = tight)
  p <- suppressMessages(PBmodcomp(a, b, nsim = 2000, seed = 20))
  say("boot %s: chi2 %.10g, p %.10g of %d", deparse1(full), p$test["LRT", "stat"], p$test["PBtest", "p.value"], p$samples["npos"])
}
boot(y ~ day + grp + (1 | item), y ~ day + (1 | item))
boot(y ~ day + (day | id), y ~ 1 + (day | id))
o <- lm(y ~ day * grp, d)
s <- coef(summary(o)); say("\nols"); for (n in rownames(s)) say("  {\"%s\", %.12g, %.12g, %.12g},", n, s[n, 1], s[n, 2], s[n, 4])
o0 <- lm(y ~ 0 + grp + day, d); say("no intercept: r2 %.12g sigma %.12g", summary(o0)$r.squared, sigma(o0))
say("sigma %.12g r2 %.12g", sigma(o), summary(o)$r.squared)
say("cr1 %s", paste(sprintf("%.12g", sqrt(diag(vcovCL(o, ~ id, type = "HC1")))), collapse = " "))
say("cr2 %s", paste(sprintf("%.12g", sqrt(diag(clubSandwich::vcovCR(o, model.frame(y ~ day + grp + id, d)$id, "CR2")))), collapse = " "))
say("p cr1 day %.12g", 2 * pt(-abs(coef(o)[2] / sqrt(diag(vcovCL(o, ~ id, type = "HC1")))[2]), 17))
