{ sum += $1 }
END { print "mean", sum / NR }
