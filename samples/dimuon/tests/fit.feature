Feature: The dimuon resonance

    Scenario: The fit finds the J/psi
        When the workflow is finished
        Then all the outputs should be included in the workspace
        And the job logs should contain "generated 60000 events from seed 1974"
        And the file "results/fit.json" should contain ""mass": {"
        And the file "results/fit.json" should contain "3.096"

    Scenario: The plot is drawn
        When the workflow is finished
        Then the size of the file "results/mass.png" should be between "20 KiB" and "200 KiB"

    Scenario: The analysis is small
        When the workflow execution completes
        Then the workflow run duration should be less than 10 minutes
        And the workspace size should be less than "20 MiB"
