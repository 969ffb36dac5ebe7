# A stand-in for a macro of ROOT: the values of a distribution.
BEGIN { for (i = 0; i < events; i++) print (i * 37) % 100 }
