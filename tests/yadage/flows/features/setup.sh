# environments source it
export SETUP="set up"
