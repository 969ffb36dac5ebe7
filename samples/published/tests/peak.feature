Feature: The peak of the dimuon spectrum

    Scenario: The outputs are there, and the peak is where it was put
        When the workflow is finished
        Then all the outputs should be included in the workspace
        And the workspace should include "data/events.csv"
        And the file "results/peak.json" should contain "3.1"
