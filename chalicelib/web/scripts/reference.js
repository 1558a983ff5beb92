document.title = "API";
