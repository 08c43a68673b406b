"""Plot, report and notebook display of a `Forecaster`."""
